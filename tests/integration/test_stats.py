"""How the house stands: counted from Redis by size and score, exact where it is a total."""

import re
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from orchestrator.domain import calls
from orchestrator.domain.budget import Heard, Limit, Payer, Penalty
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.domain.words import Outcome, State
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.storage import delivery_keys, keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.house_book import STATS_FIELDS, TOTALS_FIELDS
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.stats import Stats, Worker
from tests.harness.twice import SentTwice
from tests.harness.waiting import wait_until

BUSY = Reading("InProgress", "Success", "Busy")
ME = Worker("worker_1", "host:1", "1.2.3", 1_700_000_000_000)


@pytest.fixture(params=[Commands, SentTwice], ids=["once", "twice"])
def store(request: pytest.FixtureRequest, redis: Redis) -> CallStore:
    commands: Commands = request.param(redis, WORKER)
    return CallStore(commands, now, follow_ups(1.0), StoreOptions())


@pytest.fixture
def stats(redis: Redis) -> Stats:
    return Stats(Commands(redis, WORKER))


async def used(redis: Redis, group: str, limit: Limit | None) -> None:
    """A request was paid for and answered."""
    budget = RedisBudget(Commands(redis, WORKER))
    await budget.settle(await budget.spend(Payer(), group), Heard(limit=limit))


async def refused(redis: Redis, group: str, seconds: float) -> None:
    """A request was paid for and refused."""
    budget = RedisBudget(Commands(redis, WORKER))
    await budget.settle(await budget.spend(Payer(), group), Heard(penalty=Penalty(seconds)))


def _call(name: str) -> Call:
    return Call(
        id=f"call_{name}",
        uri=f"http://here/{name}",
        account_id="~",
        extension_id="~",
        accepted_at=now(),
        expires_at=now() + 60_000,
        from_=Endpoint("+1******0100"),
        to=Endpoint("+1******0123"),
    )


async def _rings(store: CallStore, name: str) -> str:
    call = _call(name)
    await store.accept(call, {})
    await store.change(call.id, lambda one: calls.placing(one, now(), "fence"))
    await store.change(
        call.id, lambda one: calls.placed(one, now(), "fence", f"s-{name}", NOT_SPOKEN)
    )
    return call.id


async def test_totals_are_exact_even_where_a_script_is_sent_twice(
    store: CallStore, stats: Stats
) -> None:
    busy, withdrawn = await _rings(store, "busy"), await _rings(store, "withdrawn")
    await store.change(busy, lambda one: calls.observed(one, BUSY, now(), now()))
    await store.change(withdrawn, lambda one: calls.cancelled(one, now()))
    await store.change(withdrawn, lambda one: calls.cancelled(one, now()))
    await store.change(withdrawn, lambda one: calls.ended(one, now(), Outcome.UNKNOWN))
    waiting = _call("waiting")
    await store.accept(waiting, {})
    await store.change(waiting.id, lambda one: calls.cancelled(one, now()))
    found = replace(_call("found"), ringout_id="s-found", state=State.RINGING)
    await store.accept(found, {})
    over = replace(_call("over"), ringout_id="s-over", state=State.ENDED, outcome=Outcome.BUSY)
    await store.accept(over, {})
    assert await stats.totals() == {
        "accepted": "3",
        "adopted": "2",
        "cancels_requested": "2",
        "ended_busy": "2",
        "ended_unknown": "1",
        "ended_cancelled": "1",
    }


async def test_a_replayed_wish_is_not_counted_again(store: CallStore, stats: Stats) -> None:
    call = _call("same")
    await store.accept(call, {})
    await store.accept(call, {})
    assert await stats.totals() == {"accepted": "1"}


async def test_every_total_has_a_place_in_the_key_book() -> None:
    promised = {name for name, _ in TOTALS_FIELDS}
    assert promised == {
        "accepted",
        "adopted",
        "cancels_requested",
        *(f"ended_{outcome}" for outcome in Outcome),
        "events_lost",
    }


async def test_an_empty_house_counts_nothing(stats: Stats) -> None:
    await stats.count()
    counted = await stats.read()
    assert counted.pop("updatedAt")
    assert (counted.pop("paused"), counted.pop("pausedReason")) == ("no", "")
    assert {float(value) for value in counted.values()} == {0.0}


async def test_the_pauses_are_told(stats: Stats, redis: Redis) -> None:
    pauses = Pauses(Commands(redis, WORKER))
    await pauses.begin(None, "fire drill", "me", now())
    await pauses.begin("k1", "", "me", now())
    await stats.count()
    counted = await stats.read()
    told = [counted[name] for name in ("paused", "pausedReason", "pausedKeys")]
    assert told == ["yes", "fire drill", "1"]


async def test_what_is_counted(stats: Stats, redis: Redis, store: CallStore) -> None:
    await _rings(store, "rings")
    await store.accept(_call("waits"), {})
    at = now()
    await redis.delete(keys.QUEUE, keys.LOOKS)
    await redis.zadd(keys.QUEUE, {"a": at - 9_000, "b": at - 1, "c": at + 60_000})
    await redis.zadd(keys.LOOKS, {"a": at - 7_000, "b": at - 2_000, "c": at + 60_000})
    await redis.zadd(delivery_keys.PENDING, {"a": at - 30_000, "b": at})
    await redis.zadd(delivery_keys.DEAD, {"c": at - 90_000})
    await refused(redis, "heavy", 39.5)
    await used(redis, "light", Limit(50, 7, 60))
    await stats.beat(ME, at, {})
    await stats.count()
    counted = await stats.read()
    seconds = {name: float(counted.pop(name)) for name in list(counted) if "econds" in name}
    for name in ("updatedAt", "paused", "pausedReason"):
        counted.pop(name)
    assert {name: int(value) for name, value in counted.items() if int(value)} == {
        "calls_queued": 1,
        "calls_ringing": 1,
        "liveCalls": 2,
        "queueReady": 2,
        "queueDeferred": 1,
        "looksOverdue": 1,
        "deliveriesPending": 2,
        "deliveriesDead": 1,
        "budget_default_light_left": 7,
        "budget_default_light_limit": 50,
        "workersAlive": 1,
    }
    assert 9 <= seconds["queueOldestSeconds"] < 12
    assert 7 <= seconds["looksOldestSeconds"] < 10
    assert 30 <= seconds["deliveriesOldestSeconds"] < 33
    assert 37 < seconds["gate_default_heavy_seconds"] <= 40
    assert seconds["gate_default_light_seconds"] == 0


async def test_the_key_book_names_every_field(stats: Stats, redis: Redis) -> None:
    await used(redis, "heavy", Limit(10, 3, 60))
    await stats.count()
    named = {
        name.replace("_default_heavy_", "_<credential>_<group>_") for name in await stats.read()
    }
    assert named == {name for name, _ in STATS_FIELDS}


async def test_a_budget_that_is_not_known_any_more_is_not_shown(stats: Stats, redis: Redis) -> None:
    await used(redis, "light", Limit(50, 7, 60))
    await stats.count()
    assert "budget_default_light_left" in await stats.read()
    await redis.delete(keys.allowance("default", "light"))
    await stats.count()
    assert not [name for name in await stats.read() if name.startswith("budget_")]


async def test_stats_go_away_where_nobody_counts(stats: Stats, redis: Redis) -> None:
    await stats.count()
    assert 0 < await redis.ttl(keys.STATS) <= 60
    await redis.delete(keys.STATS)
    assert await stats.read() == {}


async def test_one_worker_counts_until_it_is_gone(stats: Stats) -> None:
    assert await stats.may_count("worker_1", 60_000)
    assert await stats.may_count("worker_1", 60_000)
    assert not await stats.may_count("worker_2", 60_000)
    await stats.farewell("worker_2")
    assert not await stats.may_count("worker_2", 60_000)
    await stats.farewell("worker_1")
    assert await stats.may_count("worker_2", 100)
    await wait_until(lambda: stats.may_count("worker_1", 60_000), seconds=5)


async def test_a_worker_that_says_farewell_is_gone(stats: Stats, redis: Redis) -> None:
    await stats.beat(ME, now(), {"jobs": 3, "looks": 0, "draining": "no"})
    said = (await stats.workers())[ME.id]
    assert (said["host"], said["version"], said["jobs"]) == ("host:1", "v1.2.3", "3")
    assert said["startedAt"] == "2023-11-14T22:13:20.000Z"
    assert 0 < await redis.pttl(keys.worker(ME.id)) <= 20_000
    await stats.farewell(ME.id)
    assert await stats.workers() == {}
    assert not await redis.exists(keys.WORKERS, keys.worker(ME.id))


async def test_a_worker_that_died_is_not_alive_and_then_forgotten(
    stats: Stats, redis: Redis
) -> None:
    await redis.zadd(keys.WORKERS, {"worker_dead": now() - 61_000, "worker_mute": now() - 16_000})
    await stats.beat(ME, now(), {})
    await stats.count()
    assert (await stats.read())["workersAlive"] == "1"
    assert await redis.zrange(keys.WORKERS, 0, -1) == [b"worker_mute", b"worker_1"]
    assert list(await stats.workers()) == [ME.id]


async def test_nothing_that_is_no_number_looks_like_one(stats: Stats) -> None:
    """A host made of digits, a version with one dot: a dashboard would show them as floats."""
    odd = replace(ME, id="worker_12e4", host="123456789012345678:7", version="1.0")
    await stats.beat(odd, now(), {"jobs": 1, "looks": 2, "draining": "no"})
    said = (await stats.workers())[odd.id]
    assert {name for name, value in said.items() if _is_float(value)} == {"jobs", "looks"}
    await stats.count()
    numbers = [value for value in (await stats.read()).values() if _is_float(value)]
    assert all(re.fullmatch(r"\d{1,15}(\.\d{1,3})?", number) for number in numbers)


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
