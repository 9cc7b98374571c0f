"""A phone is forgotten whatever others write meanwhile, and whatever cannot be read."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis as sync_redis
from redis.asyncio import Redis

from orchestrator.domain import phones
from orchestrator.runtime import delivery_job, now
from orchestrator.storage import delivery_keys, keys
from orchestrator.storage.connection import WORKER, Commands, connect, disconnect
from orchestrator.storage.dispatching import Dispatching, New, Step
from orchestrator.storage.webhooks import WebhookStore
from tests.e2e.credentials_kit import ringout
from tests.harness.acl import GuardedServer, guarded_server
from tests.harness.processes import Fleet
from tests.integration.test_forget import NUMBER, House

ABOUT = f"for {NUMBER}"
NEWER = f"{keys.PREFIX}newer:"


@pytest.fixture
def house(redis: Redis) -> House:
    return House(redis)


class Worker:
    """A worker that dispatches, and stalls where a test wants it to."""

    def __init__(self, house: House) -> None:
        self.dispatching = Dispatching(house.commands, house.redis, now, delivery_job)
        self.webhooks = WebhookStore(house.commands)

    async def read(self) -> tuple[Step, list[New]]:
        """What it has read of the events, and is about to write."""
        assert await self.dispatching.may_dispatch("w")
        before, version = await self.dispatching.cursor(), await self.webhooks.version()
        events = await self.dispatching.events(before, 10, 1)
        new = [
            New(
                *(f"dlv_{at}", delivery_keys.CALLBACK, event.id, event.fields["type"]),
                *(event.fields["call"], event.fields["sequence"], event.time),
                f'{{"type":"{event.fields["type"]}","data":{event.fields["data"]}}}',
            )
            for at, event in enumerate(events)
        ]
        return Step("w", before, events[-1].id, version), new


async def test_what_a_worker_has_read_before_is_not_written_afterwards(house: House) -> None:
    call_id, worker = await house.accept("a", client_reference=ABOUT), Worker(house)
    await house.end(call_id)
    step, new = await worker.read()

    done = await house.forget()

    assert (done.calls, done.events, done.found) == (1, 2, ())
    assert await worker.dispatching.write(step, new) == "stale"
    assert await house.redis.keys(f"{keys.PREFIX}delivery:*") == []
    assert await worker.dispatching.cursor() == step.before


async def test_what_it_writes_before_is_masked(house: House) -> None:
    call_id, worker = await house.accept("a", client_reference=ABOUT), Worker(house)
    await house.end(call_id)
    assert await worker.dispatching.write(*await worker.read()) == "written"

    done = await house.forget()

    assert (done.deliveries, done.found) == (2, ())


async def test_a_delivery_that_is_found_in_the_end_is_masked(house: House) -> None:
    """Its call is known by its phones no more."""
    call_id = await house.accept("a", client_reference=ABOUT)
    await house.end(call_id)
    key = await house.deliver("dlv_1", call_id)
    kept = {name: await house.redis.hget(key, name) for name in ("call", "body")}
    await house.forget()
    await house.redis.hset(key, mapping=kept)

    done = await house.forget()

    assert (done.calls, done.deliveries, done.found, done.is_done) == (0, 1, (), True)
    told = json.loads(await house.redis.hget(key, "body"))
    assert (told["data"]["to"]["phoneNumber"], told["data"]["clientReference"]) == (
        phones.HIDDEN,
        None,
    )


async def test_the_deliveries_of_a_call_under_way_are_left_until_its_end(house: House) -> None:
    rings = await house.accept("rings", client_reference=ABOUT)
    await house.ring(rings)
    key = await house.deliver("dlv_1", rings)

    done = await house.forget()

    assert (done.in_use, key in done.found) == ((rings,), True)
    assert ABOUT.encode() in await house.redis.hget(key, "body")


@pytest.mark.parametrize("body", [None, f"about {NUMBER}", f'["{NUMBER}"]', b"\xff 16505550123"])
async def test_a_delivery_that_cannot_be_read_loses_the_number(house: House, body: Any) -> None:
    call_id = await house.accept("a")
    await house.end(call_id)
    key = await house.deliver("dlv_1", call_id)
    await house.redis.hdel(key, "body")
    if body is not None:
        await house.redis.hset(key, "body", body)

    done = await house.forget()

    assert (done.deliveries, done.found) == (int(body is not None), ())


class Overtaken(Commands):
    """Somebody changes the first call right before it is masked."""

    is_over = False

    async def run(self, script: Any, keys: Any, *args: Any) -> Any:
        """The answer."""
        if args[0] == "revision" and not self.is_over:
            self.is_over = True
            await self.execute("HINCRBY", keys[0], "revision", 1)
        return await super().run(script, keys, *args)


async def test_a_call_that_changes_meanwhile_is_masked_as_it_is_then(redis: Redis) -> None:
    house = House(redis)
    call_id = await house.accept("a", client_reference=ABOUT)
    await house.end(call_id)
    house.forgetter.store.commands = Overtaken(redis, WORKER)

    done = await house.forget()

    assert (done.calls, done.found) == (1, ())
    assert await house.redis.hget(keys.call(call_id), "to") == phones.HIDDEN.encode()


STRANGE = [
    {"document": "{"},
    {"private": "{"},
    {"private": f'{{"x":"{NUMBER}"}}', "document": '{"newer":1}'},
    {"document": b"\xff", "newer": NUMBER},
    {"revision": "x"},
]


@pytest.mark.parametrize("fields", STRANGE)
async def test_of_a_record_that_cannot_be_read_the_number_goes(
    house: House, fields: dict[str, Any]
) -> None:
    strange, good = await house.accept("strange", client_reference=ABOUT), await house.accept("b")
    for call_id in (strange, good):
        await house.end(call_id)
    key = keys.call(strange)
    await house.redis.hset(key, mapping=fields)

    done = await house.forget()

    assert (done.calls, done.in_use, done.found, done.is_done) == (2, (), (), True)
    kept = await house.redis.hgetall(key)
    assert (kept[b"to"], kept[b"clientReference"]) == (phones.HIDDEN.encode(), b"")
    assert phones.masked(NUMBER).encode() not in b"".join(kept.values())
    assert await house.redis.exists(keys.number(await house.digests.of(NUMBER))) == 0


@pytest.mark.parametrize("fields", STRANGE)
async def test_one_that_cannot_be_read_and_has_not_ended_is_told(
    house: House, fields: dict[str, Any]
) -> None:
    lives, ended = await house.accept("lives"), await house.accept("ended")
    await house.end(ended)
    await house.redis.hset(keys.call(lives), mapping=fields)

    done = await house.forget()

    assert (done.calls, done.in_use, done.is_done) == (1, (lives,), False)
    assert await house.redis.exists(keys.request(lives)) == 1
    await house.redis.hset(keys.call(lives), "state", "ended")
    again = await house.forget()
    assert (again.calls, again.in_use, again.found) == (1, (), ())


async def test_a_call_that_is_no_record_at_all_is_left_to_the_search(house: House) -> None:
    call_id = await house.accept("a")
    key = keys.call(call_id)
    await house.redis.delete(key)
    await house.redis.set(key, ABOUT, ex=60)

    assert (await house.forget()).found == (key,)
    await house.redis.delete(key)


async def test_events_that_cannot_be_read_go_with_their_call(house: House) -> None:
    call_id = await house.accept("a")
    await house.end(call_id)
    await house.redis.xadd(keys.EVENTS, {"type": "call.newer", "call": call_id, "data": ABOUT})

    done = await house.forget()

    assert (done.events, done.found) == (3, ())


async def test_in_the_audit_stream_the_entries_are_named(house: House) -> None:
    await house.redis.xadd(keys.AUDIT, {"action": "house.paused", "detail": "x"})
    mine = await house.redis.xadd(keys.AUDIT, {"action": "house.paused", "detail": ABOUT})

    done = await house.forget()

    assert done.found == (keys.AUDIT,)
    (advice,) = done.advice
    assert f"XDEL {keys.AUDIT} {mine.decode()}" in advice
    assert (NUMBER[1:] in advice, (await house.forget()).advice) == (False, done.advice)
    await house.redis.xdel(keys.AUDIT, mine)
    assert ((await house.forget()).is_done, (await house.forget()).advice) == (True, ())


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[GuardedServer]:
    with guarded_server(tmp_path) as made:
        yield made


@pytest.fixture
def newer(guarded: GuardedServer) -> Iterator[sync_redis.Redis]:
    """Who may write what a newer version keeps."""
    with guarded.client("default") as root:
        root.set(f"{NEWER}{NUMBER[:-4]}:x", ABOUT)
        root.set(f"{NEWER}y", ABOUT)
        root.set(f"{keys.PREFIX}mine", ABOUT)
        yield root


@pytest.fixture
async def app(guarded: GuardedServer) -> AsyncIterator[Redis]:
    """What the processes may do."""
    client = connect(guarded.url("app"), WORKER)
    yield client
    await disconnect(client)


async def test_what_may_not_be_read_is_named(app: Redis, newer: sync_redis.Redis) -> None:
    newer.delete(f"{keys.PREFIX}mine")
    house = House(app)
    await house.end(await house.accept("a", client_reference=ABOUT))

    done = await house.forget()

    assert (done.calls, done.found, done.unread) == (1, (), (f"{NEWER}*",))
    assert (done.is_done, len(done.advice)) == (False, 1)
    newer.flushall()
    assert (await house.forget()).is_done


def test_the_command_says_so_and_nothing_else(
    guarded: GuardedServer, newer: sync_redis.Redis
) -> None:
    assert newer.ping()
    fleet = Fleet({"REDIS_URL": guarded.url("app"), "RINGOUT_PREFLIGHT": "off"})
    done = ringout(fleet, "forget", NUMBER)

    assert (done.code, [line for line in done.errors if "redis_refused" not in line]) == (1, [])
    kinds = [f"{NEWER}*", f"{keys.PREFIX}mine"]
    for kind in kinds:
        assert f"{kind}  cannot be read: whether it holds the number is not proved" in done.lines
    fleet.close()
