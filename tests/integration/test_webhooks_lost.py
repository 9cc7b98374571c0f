"""Events that the stream lost before they were dispatched are told, and unreadable ones passed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd, delivery_job, front_end, now
from orchestrator.service.webhook_models import WebhookRequest
from orchestrator.settings import load
from orchestrator.storage import keys
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.delivery_list import Sought
from orchestrator.storage.dispatching import Dispatching
from orchestrator.storage.stats import Stats
from orchestrator.storage.webhooks import WebhookStore
from tests.harness.clients import accept
from tests.harness.processes import LENIENT
from tests.harness.twice import SentTwice
from tests.harness.waiting import wait_until
from workers.dispatch import Dispatcher

CALLEE = "+16505550123"


class House:
    """A front end, and a dispatcher where a test wants one."""

    def __init__(self, front: FrontEnd, commands: Commands) -> None:
        self.front, self.commands = front, commands

    @asynccontextmanager
    async def dispatched(self) -> AsyncIterator[None]:
        """A dispatcher, running."""
        blocking = self.front.backend.blocking
        dispatching = Dispatching(self.commands, blocking, now, delivery_job)
        dispatcher = Dispatcher(dispatching, WebhookStore(self.commands))
        running = asyncio.create_task(dispatcher.run())
        try:
            yield
        finally:
            dispatcher.stop()
            with suppress(asyncio.CancelledError):
                await running

    async def webhook(self) -> str:
        """A webhook that is told of everything."""
        wish = WebhookRequest(url="https://example.com/")
        return (await self.front.webhooks.create(HOUSE, wish))[0].id

    async def accepts(self, count: int) -> None:
        """So many events."""
        for number in range(count):
            await accept(self.front, f"+1{6505550200 + number}")

    async def made(self, count: int, webhook_id: str | None = None) -> None:
        """Returns when there are so many deliveries, perhaps to one webhook."""

        async def enough() -> bool:
            page = await self.front.webhooks.page(HOUSE, Sought(None, webhook_id), 200, None)
            return len(page.deliveries) == count

        await wait_until(enough)

    async def trim(self, left: int) -> None:
        """The stream keeps so many events."""
        await self.commands.execute("XTRIM", keys.EVENTS, "MAXLEN", "=", left)

    async def lost(self, webhook_id: str) -> tuple[int, bool]:
        """How many events the webhook may have missed, and whether it says when."""
        health = (await self.front.webhooks.webhooks.get(webhook_id)).health
        return health.events_lost, health.events_lost_at is not None

    async def lost_in_all(self) -> int:
        """What the totals say."""
        return int((await Stats(self.commands).totals()).get("events_lost", 0))


@pytest.fixture(params=[Commands, SentTwice], ids=["once", "twice"])
async def house(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[House]:
    """No worker."""
    async with front_end(
        load({**LENIENT, "REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "k"})
    ) as front:
        yield House(front, request.param(front.backend.commands.redis, WORKER))


async def test_who_is_told_of_events_learns_how_many_were_lost(house: House) -> None:
    told = await house.webhook()
    await house.accepts(1)
    async with house.dispatched():
        await house.made(1, told)
    await house.accepts(5)
    await house.trim(2)
    late = await house.webhook()
    async with house.dispatched():
        await house.made(3, told)
    assert await house.lost(told) == (3, True)
    assert await house.lost(late) == (0, False)
    assert await house.lost_in_all() == 3
    async with house.dispatched():
        await house.accepts(1)
        await house.made(4, told)
    assert await house.lost_in_all() == 3


async def test_events_that_were_lost_before_anyone_dispatched_are_told(house: House) -> None:
    told = await house.webhook()
    await house.accepts(4)
    await house.trim(1)
    async with house.dispatched():
        await house.made(1)
    assert await house.lost(told) == (3, True)


async def test_what_was_passed_may_be_trimmed(house: House) -> None:
    told = await house.webhook()
    await house.accepts(3)
    async with house.dispatched():
        await house.made(3)
    await house.trim(0)
    await house.accepts(2)
    async with house.dispatched():
        await house.made(5)
    assert await house.lost(told) == (0, False)
    assert await house.lost_in_all() == 0


async def test_an_entry_that_is_no_event_keeps_no_event_back(house: House) -> None:
    await house.webhook()
    await house.commands.execute("XADD", keys.EVENTS, "*", "type", b"\xff\xfe")
    await house.accepts(1)
    async with house.dispatched():
        await house.made(1)
