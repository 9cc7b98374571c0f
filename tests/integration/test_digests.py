"""By what numbers are known, on a real server that may lose what it knew."""

import asyncio
import time
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain.errors import OtherNumbersKey, StorageUnavailable
from orchestrator.storage import keys
from orchestrator.storage.connection import FRONT_END, WORKER, Commands, connect
from orchestrator.storage.digests import Digests
from tests.harness.redis import RedisServer
from tests.harness.waiting import wait_until

NUMBER = "+16505550123"
GIVEN = "a key that all processes have in common"


class Counted(Commands):
    """Counts what it sends."""

    sent = 0

    async def execute(self, *command: Any) -> Any:
        self.sent += 1
        return await super().execute(*command)


class Interrupted(Commands):
    """Another process makes a key up, and Redis loses its data, right before and right after what
    this one writes."""

    is_done = False

    async def execute(self, *command: Any) -> Any:
        if command[0] != "SET" or self.is_done:
            return await super().execute(*command)
        self.is_done = True
        await of(self.redis).of(NUMBER)
        answer = await super().execute(*command)
        assert answer is None
        await self.redis.flushall()
        return answer


def of(redis: Redis, key: str | None = None) -> Digests:
    """A process's digests."""
    return Digests(Commands(redis, WORKER), key)


async def kept(redis: Redis) -> bytes:
    """What Redis knows of the key."""
    return bytes(await redis.get(keys.NUMBERS_KEY) or b"")


async def agrees(process: Digests, digest: str) -> None:
    """Within about a second."""

    async def is_same() -> bool:
        return await process.of(NUMBER) == digest

    await wait_until(is_same, 1.5)


async def refuses(process: Digests) -> None:
    """Within about a second, and from then on."""

    async def is_refused() -> bool:
        try:
            await process.of(NUMBER)
        except OtherNumbersKey as error:
            return "RINGOUT_NUMBERS_KEY: " in error.detail
        return False

    await wait_until(is_refused, 1.5)
    for _ in range(3):
        assert await is_refused()


async def test_processes_without_a_key_agree_on_one(redis: Redis) -> None:
    processes = [of(redis) for _ in range(20)]
    found = await asyncio.gather(*(one.of(NUMBER) for one in processes))
    assert len(set(found)) == 1
    assert len(await kept(redis)) == 64


async def test_what_happens_between_two_commands_does_no_harm(redis: Redis) -> None:
    process = Digests(Interrupted(redis, WORKER), None)
    assert await process.of(NUMBER) == await of(redis).of(NUMBER)


@pytest.mark.parametrize("given", [None, GIVEN])
async def test_what_redis_has_lost_is_written_back(redis: Redis, given: str | None) -> None:
    process = of(redis, given)
    digest, mark = await process.of(NUMBER), await kept(redis)
    await redis.flushall()

    async def is_back() -> bool:
        assert await process.of(NUMBER) == digest
        return await kept(redis) == mark

    await wait_until(is_back, 1.5)
    assert await of(redis, given).of(NUMBER) == digest


async def test_a_key_that_another_has_made_up_since_is_taken_over(redis: Redis) -> None:
    running, idle = of(redis), of(redis)
    old = await running.of(NUMBER)
    assert await idle.of(NUMBER) == old
    await redis.flushall()

    new = await of(redis).of(NUMBER)

    assert new != old
    await agrees(running, new)
    await agrees(idle, new)


@pytest.mark.parametrize(("mine", "other"), [(GIVEN, None), (GIVEN, GIVEN + "!"), (None, GIVEN)])
async def test_where_one_of_two_is_the_operator_s_a_running_process_refuses(
    redis: Redis, mine: str | None, other: str | None
) -> None:
    running = of(redis, mine)
    digest = await running.of(NUMBER)
    await redis.flushall()
    await of(redis, other).of(NUMBER)

    await refuses(running)
    await redis.delete(keys.NUMBERS_KEY)
    assert await running.of(NUMBER) == digest


async def test_redis_is_looked_at_once_a_second_by_all_uses_together(redis: Redis) -> None:
    await of(redis).of(NUMBER)
    commands = Counted(redis, WORKER)
    process, began = Digests(commands, None), time.monotonic()

    async def has_looked(times: int) -> bool:
        await asyncio.gather(*(process.of(NUMBER) for _ in range(100)))
        assert commands.sent <= 1 + int(time.monotonic() - began)
        return commands.sent == times

    assert await has_looked(1)
    await wait_until(lambda: has_looked(2), 1.5)


async def test_without_redis_all_who_wait_fail_together_and_the_next_try_again(
    own_redis: RedisServer,
) -> None:
    client = connect(own_redis.url, FRONT_END)
    process = of(client)
    own_redis.kill()
    failed = await asyncio.gather(*(process.of(NUMBER) for _ in range(5)), return_exceptions=True)
    assert {type(one) for one in failed} == {StorageUnavailable}
    own_redis.start()
    assert await process.of(NUMBER)
    await client.aclose()


async def test_who_gives_up_waiting_stops_no_other(redis: Redis) -> None:
    process = of(redis)
    first, second = (asyncio.create_task(process.of(NUMBER)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == await of(redis).of(NUMBER)
    assert first.cancelled()
