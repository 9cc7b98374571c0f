"""Held requests: let go when the process ends or Redis is away."""

import asyncio

import pytest

from orchestrator.domain.errors import CallWithdrawn, StorageUnavailable
from orchestrator.rest.waits import Waits
from tests.harness.waiting import wait_until


async def _never() -> str:
    await asyncio.Event().wait()
    return "never"


async def test_an_answer_is_passed_on() -> None:
    async def answer() -> str:
        await asyncio.sleep(0)
        return "answer"

    waits = Waits()

    assert await waits.held(answer(), 5) == "answer"
    assert waits.count == 0


async def test_draining_lets_everyone_go() -> None:
    waits = Waits()
    held = [asyncio.create_task(waits.held(_never(), 60)) for _ in range(3)]
    await wait_until(lambda: waits.count == 3)

    waits.drain()

    async with asyncio.timeout(5):
        assert await asyncio.gather(*held) == [None, None, None]
        assert await waits.held(_never(), 60) is None
    assert waits.count == 0


async def test_draining_twice_is_draining_once() -> None:
    waits = Waits()
    held = asyncio.create_task(waits.held(_never(), 60))
    await wait_until(lambda: waits.count == 1)

    waits.drain()
    await asyncio.sleep(0)
    waits.drain()

    async with asyncio.timeout(5):
        assert await held is None


async def test_what_does_not_end_by_itself_is_ended() -> None:
    async with asyncio.timeout(5):
        assert await Waits().held(_never(), 0.01) is None


async def test_redis_away_is_no_answer_and_other_errors_are_the_answer() -> None:
    async def away() -> str:
        raise StorageUnavailable("away", 1)

    async def withdrawn() -> str:
        raise CallWithdrawn("ended")

    assert await Waits().held(away(), 5) is None
    with pytest.raises(CallWithdrawn):
        await Waits().held(withdrawn(), 5)
