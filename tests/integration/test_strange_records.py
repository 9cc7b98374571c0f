"""Records in Redis that cannot be read end no loop, and keep nobody else's from being told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from orchestrator.domain.access import EVERYTHING, HOUSE, Principal, Scope
from orchestrator.domain.errors import WebhookNotFound
from orchestrator.domain.words import State
from orchestrator.runtime import FrontEnd, delivery_job, front_end, now
from orchestrator.service.webhook_models import WebhookRequest
from orchestrator.settings import load
from orchestrator.storage import access_keys, delivery_keys, keys
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.deliveries import DeliveryStore, NotNow, Settled
from orchestrator.storage.delivery_list import DeliveryList, Sought
from orchestrator.storage.dispatching import Dispatching, New
from orchestrator.storage.listing import CallList, Wanted
from orchestrator.storage.looks import Looks
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.upkeep import Upkeep
from orchestrator.storage.webhooks import WebhookStore
from tests.harness.api_keys import made
from tests.harness.clients import accept
from tests.harness.processes import LENIENT
from tests.harness.redis import RedisServer
from tests.harness.waiting import wait_until
from workers import dispatch
from workers.dispatch import Dispatcher
from workers.retired import Retired

STRANGE = "dlv_" + "f" * 32
LEASE_MS = 60_000


class House:
    """A front end, its webhooks, and a dispatcher where a test wants one."""

    def __init__(self, front: FrontEnd) -> None:
        self.front, self.commands = front, Commands(front.backend.commands.redis, WORKER)
        self.store = WebhookStore(self.commands)
        self.deliveries = DeliveryStore(self.commands, now, delivery_job)
        self.dispatching = Dispatching(self.commands, front.backend.blocking, now, delivery_job)

    async def webhook(self, owner: str = "") -> str:
        """A webhook that is told of everything."""
        asker = Principal(owner, "", EVERYTHING) if owner else HOUSE
        wish = WebhookRequest(url="https://example.com/")
        return (await self.front.webhooks.create(asker, wish))[0].id

    @asynccontextmanager
    async def dispatched(self) -> AsyncIterator[None]:
        """A dispatcher, running; at the end it must run still."""
        retired = Retired(ApiKeys(self.commands, now), self.store, now)
        dispatcher = Dispatcher(self.dispatching, self.store, retired)
        running = asyncio.create_task(dispatcher.run())
        try:
            yield
            assert not running.done(), running.exception()
        finally:
            dispatcher.stop()
            with suppress(asyncio.CancelledError):
                await running

    async def told(self, webhook_id: str, count: int) -> None:
        """Returns when so many deliveries were written for a webhook."""

        async def enough() -> bool:
            listing = DeliveryList(self.commands)
            return (
                len((await listing.page(Sought(None, webhook_id), 200, None)).deliveries) == count
            )

        await wait_until(enough)

    async def written(self, webhook_id: str, *numbers: int) -> list[str]:
        """Deliveries about one call, in order; their ids."""
        for number in numbers:
            name = f"dlv_{number:032x}"
            new = New(name, webhook_id, f"{number}-0", "call.queued", "c", "1", now(), "{}")
            await self.dispatching.write_one(new)
        return [f"dlv_{number:032x}" for number in numbers]

    async def jobs(self) -> list[str]:
        """The deliveries that have a job."""
        names = await self.commands.execute("ZRANGE", keys.QUEUE, 0, -1)
        return [name.decode().rpartition(":")[2] for name in names]


@pytest.fixture
async def house(own_redis: RedisServer) -> AsyncIterator[House]:
    """No worker."""
    named = {**LENIENT, "REDIS_URL": own_redis.url, "RINGCENTRAL_API_KEY": "k"}
    async with front_end(load(named)) as front:
        yield House(front)


async def _no_number(house: House, bad: str) -> None:
    await house.commands.execute("HSET", delivery_keys.webhook(bad), "pending", "x")


async def _a_string(house: House, bad: str) -> None:
    await house.commands.execute("DEL", delivery_keys.webhook(bad))
    await house.commands.execute("SET", delivery_keys.webhook(bad), "x")


async def _no_secrets(house: House, bad: str) -> None:
    await house.commands.execute("HSET", delivery_keys.secret(bad), "secrets", "[{")


async def _no_owner(house: House, bad: str) -> None:
    await house.commands.execute("HSET", access_keys.api_key("strange"), "scopes", "calls:transfer")


async def _no_id(house: House, bad: str) -> None:
    await house.commands.execute("ZADD", delivery_keys.WEBHOOKS, 1, b"\xff")


async def _no_version(house: House, bad: str) -> None:
    await house.commands.execute("SET", delivery_keys.VERSION, b"\xff")


async def _no_event(house: House, bad: str) -> None:
    await house.commands.execute("XADD", keys.EVENTS, "*", b"\xff", b"\xff", "type", b"\xff")


async def _no_delivery(house: House, bad: str) -> None:
    await house.commands.execute("HSET", delivery_keys.delivery(STRANGE), "state", "pending")
    for index in (delivery_keys.DUE, delivery_keys.DELIVERIES):
        await house.commands.execute("ZADD", index, 1, STRANGE, 1, b"\xff")


async def _a_delivery_that_is_a_string(house: House, bad: str) -> None:
    await house.commands.execute("SET", delivery_keys.delivery(STRANGE), "x")
    for index in (delivery_keys.DUE, delivery_keys.DELIVERIES):
        await house.commands.execute("ZADD", index, 1, STRANGE)


async def _no_cursor(house: House, bad: str) -> None:
    await house.commands.execute("SET", delivery_keys.CURSOR, "junk")


async def _a_cursor_that_is_too_large(house: House, bad: str) -> None:
    await house.commands.execute("SET", delivery_keys.CURSOR, "9" * 30 + "-0")


async def _a_cursor_that_is_a_list(house: House, bad: str) -> None:
    await house.commands.execute("DEL", delivery_keys.CURSOR)
    await house.commands.execute("RPUSH", delivery_keys.CURSOR, "junk")


BREAKS = (
    _no_number,
    _a_string,
    _no_secrets,
    _no_owner,
    _no_id,
    _no_version,
    _no_event,
    _no_delivery,
    _a_delivery_that_is_a_string,
    _no_cursor,
    _a_cursor_that_is_too_large,
    _a_cursor_that_is_a_list,
)


@pytest.mark.parametrize("breaks", BREAKS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("running", [False, True], ids=["at the start", "while it runs"])
async def test_the_others_are_told(house: House, breaks: Any, *, running: bool) -> None:
    good, bad = await house.webhook(), await house.webhook("strange")
    if not running:
        await breaks(house, bad)
    async with house.dispatched():
        await accept(house.front, "+16505550200")
        await house.told(good, 1)
        if running:
            await breaks(house, bad)
            if breaks is not _no_version:
                await house.commands.execute("INCR", delivery_keys.VERSION)
        await accept(house.front, "+16505550201")
        await house.told(good, 2)


async def test_a_webhook_that_can_be_read_again_is_told_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_UPKEEP_EVERY_S", 0.1)
    good, hook = await house.webhook(), await house.webhook()
    await _no_number(house, hook)
    async with house.dispatched():
        await accept(house.front, "+16505550200")
        await house.told(good, 1)
        await house.commands.execute("HSET", delivery_keys.webhook(hook), "pending", 0)
        numbers = iter(range(10_000))

        async def is_told() -> bool:
            await accept(house.front, f"+1650555{next(numbers):04}")
            members = await house.commands.execute("ZCARD", delivery_keys.of_webhook(hook))
            return bool(members)

        await wait_until(is_told)


async def test_events_are_told_again_rather_than_lost_with_the_cursor(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    hook = await house.webhook()
    await accept(house.front, "+16505550200")
    async with house.dispatched():
        await house.told(hook, 1)
    await house.commands.execute("XTRIM", keys.EVENTS, "MAXLEN", "=", 0)
    await accept(house.front, "+16505550201")
    await house.commands.execute("SET", delivery_keys.CURSOR, "junk")
    async with house.dispatched():
        await house.told(hook, 2)
    assert (await house.store.get(hook)).health.events_lost == 0
    assert "cursor_not_readable" in "".join(capfd.readouterr())


@pytest.mark.parametrize("missing", ["createdMs", "attempts", "webhook", "body"])
async def test_a_delivery_that_cannot_be_read_is_given_up_and_the_next_begun(
    house: House, missing: str
) -> None:
    bad, good = await house.written(await house.webhook(), 1, 2)
    await house.commands.execute("HDEL", delivery_keys.delivery(bad), missing)
    await house.commands.execute("DEL", keys.QUEUE)
    assert await house.dispatching.ensure_job(bad)
    (argument,) = await house.jobs()
    assert await house.deliveries.begin(argument, "t", LEASE_MS) == NotNow(None)
    state, code = await house.commands.execute(
        "HMGET", delivery_keys.delivery(bad), "state", "failureCode"
    )
    assert (state, code) == (b"dead", b"not_readable")
    assert not await house.dispatching.ensure_job(bad)
    assert await house.commands.execute("ZRANGE", delivery_keys.PENDING, 0, -1) == [good.encode()]
    if missing != "webhook":
        assert f"{good}.1" in await house.jobs()


async def test_a_delivery_without_a_round_is_attempted(house: House) -> None:
    (one,) = await house.written(await house.webhook(), 1)
    await house.commands.execute("HDEL", delivery_keys.delivery(one), "round")
    await house.commands.execute("DEL", keys.QUEUE)
    assert await house.dispatching.ensure_job(one)
    (argument,) = await house.jobs()
    started = await house.deliveries.begin(argument, "t", LEASE_MS)
    assert not isinstance(started, NotNow)
    assert await house.deliveries.settle(started, Settled("delivered"))


async def test_a_delivery_is_settled_whatever_its_webhook_counts(house: House) -> None:
    hook = await house.webhook()
    first, second = await house.written(hook, 1, 2)
    await _no_number(house, hook)
    started = await house.deliveries.begin(f"{first}.1", "t", LEASE_MS)
    assert not isinstance(started, NotNow)
    assert await house.deliveries.settle(started, Settled("delivered"))
    assert f"{second}.1" in await house.jobs()
    assert await house.commands.execute("ZRANGE", delivery_keys.DUE, 0, -1) == [second.encode()]


async def test_a_webhook_that_cannot_be_read_is_disabled_with_its_key(house: House) -> None:
    bad = await house.webhook("strange")
    await _no_number(house, bad)
    assert await house.store.disable_of("strange", "key_revoked", "It was.", now()) == 1
    enabled = await house.commands.execute(
        "HMGET", delivery_keys.webhook(bad), "enabled", "disabledCode"
    )
    assert enabled == [b"", b"key_revoked"]


async def test_a_key_that_cannot_be_read_is_listed_and_can_be_revoked(house: House) -> None:
    keys_ = ApiKeys(house.commands, now)
    bad, junk, good = [await made(house.commands) for _ in range(3)]
    await house.commands.execute("HSET", access_keys.api_key(bad.key), "secrets", "[{")
    await house.commands.execute("DEL", access_keys.api_key(junk.key))
    await house.commands.execute("SET", access_keys.api_key(junk.key), "x")
    await house.commands.execute("HSET", access_keys.USED, good.key, b"\xff\xfe")
    found = {key.id: key for key in await keys_.listed()}
    readable = {name: key.is_readable for name, key in found.items()}
    assert readable == {bad.key: False, junk.key: False, good.key: True}
    assert await keys_.last_used() == {}
    assert await keys_.any_usable()
    for one in (bad, junk, good):
        assert await keys_.revoke(one.key)
    assert all(key.ended(now()) is not None for key in await keys_.listed())
    assert not await keys_.any_usable()


async def test_calls_that_waited_are_started_beside_one_that_cannot_be_read(
    house: House,
) -> None:
    pauses = Pauses(house.commands)
    first = await accept(house.front, "+16505550200")
    second = await accept(house.front, "+16505550201")
    job = keys.job_id("place", second)
    await pauses.begin(None, "", "me", now())
    for broken in ("{", "[]", "5"):
        await house.commands.execute("HSET", keys.call(first), "private", broken)
        await house.commands.execute("ZADD", keys.QUEUE, now() + 60_000, job)
        await pauses.end(None)
        assert float(await house.commands.execute("ZSCORE", keys.QUEUE, job)) <= now()
        await pauses.begin(None, "", "me", now())


async def test_a_pause_that_cannot_be_read_holds_its_key_alone(house: House) -> None:
    for value in ("nope", "[]", '{"reason":"x"}', json.dumps({"reason": 1, "by": 2, "since": 3})):
        await house.commands.execute("HSET", keys.PAUSED, "key:k1", value)
        paused = await Pauses(house.commands).read()
        held = paused.of("k1")
        assert held is not None
        assert "cannot be read" in held.why().message
        assert (paused.of("k2"), paused.house) == (None, None)


async def test_a_call_that_is_none_keeps_no_other_from_being_looked_at(house: House) -> None:
    strange, good = [await accept(house.front, f"+1650555020{n}") for n in range(2)]
    await house.commands.execute("DEL", keys.call(strange))
    await house.commands.execute("SET", keys.call(strange), "x")
    await house.commands.execute("ZADD", keys.LOOKS, 1, strange, 2, good)
    chunk = await Upkeep(house.commands).calls_in(State.QUEUED, now() + 60_000, 0)
    assert ([one.call.id for one in chunk.records], chunk.size) == ([good], 2)
    due = await Looks(house.commands).claim(LEASE_MS, 10)
    assert [one.record.call.id for one in due.claimed] == [good]
    page = await CallList(house.commands).page(Wanted(), 10, None)
    assert [one.id for one in page.calls] == [good]


async def test_of_another_s_webhook_no_more_is_read_than_of_none(house: House) -> None:
    """Else the time that it takes would tell the two apart."""
    theirs, asker = (
        await house.webhook("theirs"),
        Principal("mine", "", frozenset({Scope.WEBHOOKS})),
    )
    asked: list[dict[str, int]] = []
    for webhook_id in (theirs, "wh_" + "0" * 32):
        await house.commands.execute("CONFIG", "RESETSTAT")
        with pytest.raises(WebhookNotFound):
            await house.front.webhooks.get(asker, webhook_id)
        stats = await house.commands.redis.info("commandstats")
        asked.append({name: one["calls"] for name, one in stats.items() if "_h" in name})
    assert asked == [{"cmdstat_hmget": 1}] * 2
