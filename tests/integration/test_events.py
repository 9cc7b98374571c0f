"""The stream of events as other programs read it: its fields, its end, and a group of consumers."""

import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.domain import calls
from orchestrator.domain.access import HOUSE
from orchestrator.domain.events import SCHEMA_VERSION, EventType
from orchestrator.domain.status import Reading
from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.settings import load
from orchestrator.storage.call_book import EVENT_FIELDS
from orchestrator.storage.keys import EVENTS
from orchestrator.storage.upkeep import Upkeep
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.processes import ROOT, Fleet
from tests.harness.redis import free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

EXAMPLE = [sys.executable, str(ROOT / "examples/05_events.py")]
DAY_MS = 86_400_000


@pytest.fixture
async def alone(redis_url: str) -> AsyncIterator[FrontEnd]:
    """The service, without workers."""
    environment = {
        "REDIS_URL": redis_url,
        "RINGCENTRAL_API_KEY": "a-key",
        "RC_SERVER_URL": f"http://127.0.0.1:{free_port()}",
    }
    async with front_end(load(environment)) as front:
        yield front


async def test_every_event_has_the_fields_that_are_documented_and_no_other(
    front: FrontEnd, simulated: Simulated, fleet: Fleet
) -> None:
    fleet.worker()
    call_id = await accept(front, "+16505550123", clientReference="order 7")
    await reaches(front, call_id, "ended")
    events = await told(front, call_id)
    names = [name for name, _ in EVENT_FIELDS]
    assert all(list(event) == names for event in events)
    assert [event["sequence"] for event in events] == [str(n + 1) for n in range(len(events))]
    assert {event["schema"] for event in events} == {SCHEMA_VERSION}
    assert {event["type"] for event in events} <= set(EventType)
    assert {event["clientReference"] for event in events} == {"order 7"}
    assert (await simulated.dialled())[0]["to"] == "+16505550123"


async def test_the_flat_fields_say_what_the_document_says(alone: FrontEnd) -> None:
    call_id = await accept(alone, "+16505550123", clientReference="order 7")
    store = alone.backend.store
    await store.change(call_id, lambda call: calls.placing(call, now(), "f"))
    reading = Reading("InProgress", "Success", "InProgress")
    await store.change(call_id, lambda call: calls.placed(call, now(), "f", "s-1", reading))
    await alone.service.cancel(HOUSE, "~", "~", call_id)
    over = Reading("Success", "Success", "Busy")
    await store.change(call_id, lambda call: calls.observed(call, over, now(), now()))
    events = await told(alone, call_id)
    assert [event["type"] for event in events] == [
        "call.queued",
        "call.placing",
        "call.ringing",
        "call.cancel_requested",
        "call.ended",
    ]
    for event in events:
        call = json.loads(event["data"])
        assert event["call"] == call["id"]
        reason, ringout = call["reason"], call["ringoutId"]
        assert event["reasonCode"] == (reason["code"] if reason else "")
        assert event["ringoutId"] == (f"rc_{ringout}" if ringout else "")
        assert (event["from"], event["to"]) == (
            call["from"]["phoneNumber"],
            call["to"]["phoneNumber"],
        )
        assert "5550" not in event["to"]
        for name in ("acceptedAt", "placedAt", "connectedAt", "endedAt", "outcome"):
            assert event[name] == (call[name] or "")
        for name in ("callStatus", "callerStatus", "calleeStatus"):
            assert event[name] == call["status"][name]
        for name in ("state", "sequence", "clientReference"):
            assert event[name] == str(call[name])
    assert json.loads(events[-1]["data"]) == await shown(alone, call_id)


async def _old(redis: Redis, count: int, age_ms: int) -> None:
    """Events of a while ago."""
    pipeline = redis.pipeline()
    for number in range(count):
        pipeline.xadd(EVENTS, {"call": "call_x"}, id=f"{now() - age_ms}-{number + 1}")
    await pipeline.execute()


async def test_events_that_are_too_old_go(alone: FrontEnd) -> None:
    redis = alone.backend.commands.redis
    await _old(redis, 330, 8 * DAY_MS)
    await _old(redis, 150, 6 * DAY_MS)
    await Upkeep(alone.backend.commands).trim_events(now() - 7 * DAY_MS)
    assert await redis.xlen(EVENTS) == 150


async def test_the_sweep_drops_them(redis_url: str, fleet: Fleet, simulated: Simulated) -> None:
    assert await simulated.stats()
    async with Redis.from_url(redis_url) as redis:
        await _old(redis, 300, 2 * 3_600_000)
        fleet.worker(RINGOUT_EVENTS_MAX_AGE="3600")

        async def are_gone() -> bool:
            return int(await redis.xlen(EVENTS)) < 100

        await wait_until(are_gone)


async def test_a_consumer_that_is_killed_loses_nothing_and_nothing_is_done_twice(
    alone: FrontEnd, redis_url: str, fleet: Fleet, tmp_path: Path
) -> None:
    for number in range(20):
        call_id = await accept(alone, f"+1650555{number:04}")
        await alone.service.cancel(HOUSE, "~", "~", call_id)
    done = str(tmp_path / "done.sqlite")
    environment = {"REDIS_URL": redis_url, "DONE": done, "DEAD_MS": "300", "WAIT_MS": "100"}
    first = fleet.run(EXAMPLE, **environment, WORK_MS="50")
    await wait_until(lambda: len(first.lines) >= 3)
    first.kill()
    others = [fleet.run(EXAMPLE, **environment, WORK_MS="1") for _ in range(2)]
    await wait_until(lambda: all(one.code is not None for one in others), 30)
    assert [one.code for one in others] == [0, 0], [one.errors for one in others]

    entries = await alone.backend.commands.redis.xrange(EVENTS)
    sent = sorted((f[b"call"].decode(), int(f[b"sequence"])) for _, f in entries)
    with closing(sqlite3.connect(done)) as handled:
        assert sorted(handled.execute("SELECT call, sequence FROM done")) == sent
    lines = [line for one in (first, *others) for line in one.lines]
    assert len(lines) == len(set(lines)) >= len(sent) - 1
    summary = await alone.backend.commands.redis.xpending(EVENTS, "example")
    assert summary["pending"] == 0
    assert len(sent) == 40
