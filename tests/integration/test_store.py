"""Calls in a real Redis: each write whole, once, and only on what it was decided on."""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.jobs import Job as ArqJob
from arq.jobs import JobStatus
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from orchestrator.domain import calls
from orchestrator.domain.budget import Heard, Payer, Payment, Penalty, Scope
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.errors import (
    CallNotFound,
    IdempotencyKeyReused,
    StorageUnavailable,
    UpstreamGated,
)
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.domain.words import Outcome, State
from orchestrator.jobs import deserialized, follow_ups, serialized
from orchestrator.runtime import now
from orchestrator.storage import keys
from orchestrator.storage.admission import Idempotency
from orchestrator.storage.budget import RedisBudget, gates
from orchestrator.storage.calls import CallStore, Decide, StoreOptions
from orchestrator.storage.connection import WORKER, Commands, connect
from orchestrator.storage.listing import CallList, Wanted
from orchestrator.storage.looks import Looks
from orchestrator.storage.obstacles import Obstacles, OutOfTime

REQUEST = {"to": {"phoneNumber": "+16505550123"}}


@pytest.fixture
def store(redis: Redis) -> CallStore:
    return CallStore(Commands(redis, WORKER), now, follow_ups(), StoreOptions())


def new(number: int = 1, **fields: Any) -> Call:
    at = now()
    call = Call(
        f"call_{number}",
        "http://x/call",
        "~",
        "101",
        accepted_at=at,
        expires_at=at + 60_000,
        from_=Endpoint.shown("+16505550100"),
        to=Endpoint.shown("+16505550123"),
        client_reference="Fall 17 · ü",
    )
    return replace(call, **fields)


async def dump(redis: Redis) -> dict[str, bytes]:
    return {key.decode(): await redis.dump(key) for key in await redis.keys("*")}


async def penalise(store: CallStore, seconds: float, scope: Scope = Scope.BUCKET) -> None:
    refused = Payment(Payer(), "heavy", "refused")
    await RedisBudget(store.commands).settle(refused, Heard(penalty=Penalty(seconds, scope)))


async def test_a_call_comes_back_as_it_was_written(store: CallStore) -> None:
    call = new()
    await store.accept(call, REQUEST)
    record, request = await store.placing(call.id)
    assert record is not None
    assert (record.call, request) == (call, REQUEST)


async def test_every_field_of_a_call_survives(store: CallStore) -> None:
    call = new()
    await store.accept(call, REQUEST)
    steps = [
        lambda c: calls.placing(c, now(), "fence"),
        lambda c: calls.cancelled(c, now()),
        lambda c: calls.placed(c, now(), "fence", "s-1", NOT_SPOKEN),
        lambda c: calls.delete_accepted(c, now()),
        lambda c: calls.session_found(c, now(), "s-2"),
        lambda c: calls.observed(c, Reading("CannotReach", "Success", "?"), now(), now()),
        lambda c: calls.observed(c, Reading("Success", "Success", "Busy"), now(), now()),
    ]
    for step in steps:
        written = await store.change(call.id, step)
        assert written.applied
        record = await store.record(call.id)
        assert record is not None
        assert record == written.record


async def test_accepting_writes_call_event_and_a_job_that_arq_can_read(
    store: CallStore, redis: Redis
) -> None:
    await store.accept(new(), REQUEST)
    [(_, event)] = await redis.xrange(keys.EVENTS)
    assert event[b"type"] == b"call.queued"
    assert b"5550123" not in event[b"data"]
    pool = ArqRedis(redis.connection_pool, job_serializer=serialized, job_deserializer=deserialized)
    job = ArqJob(keys.job_id("place", "call_1"), pool, keys.QUEUE, _deserializer=deserialized)
    info = await job.info()
    assert info is not None
    assert (info.function, tuple(info.args), info.kwargs) == ("place", ("call_1",), {})
    assert await job.status() is JobStatus.queued


async def test_a_script_that_is_sent_twice_counts_once(store: CallStore, redis: Redis) -> None:
    """A connection that breaks after the script has run looks like one that breaks before."""
    sent: list[tuple[Any, ...]] = []
    real = store.commands.execute

    async def twice(*command: Any) -> Any:
        answer = await real(*command)
        if command[0] == "EVALSHA":
            sent.append(command)
            answer = await real(*command)
        return answer

    store.commands.execute = twice  # type: ignore[method-assign]
    await store.accept(new(), REQUEST, Idempotency("k", "f"))
    written = await store.change("call_1", lambda c: calls.placing(c, now(), "fence"))
    assert written.applied
    assert len(sent) >= 2
    assert len(await redis.xrange(keys.EVENTS)) == 2
    record = await store.record("call_1")
    assert record is not None
    assert (record.revision, record.call.sequence) == (2, 2)


async def test_one_of_many_takes_the_fence(store: CallStore) -> None:
    await store.accept(new(), REQUEST)
    record = await store.record("call_1")
    assert record is not None

    def taker(token: str) -> Decide:
        return lambda call: calls.placing(call, now(), token)

    written = await asyncio.gather(*(store.change(record, taker(str(n))) for n in range(50)))
    assert sum(one.applied for one in written) == 1


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_closed_gate_keeps_the_fence_from_being_taken(
    store: CallStore, redis: Redis, scope: Scope
) -> None:
    await store.accept(new(), REQUEST)
    before = await dump(redis)
    await penalise(store, 29.5, scope)
    with pytest.raises(UpstreamGated) as gated:
        await store.change(
            "call_1",
            lambda c: calls.placing(c, now(), "x"),
            obstacles=Obstacles(gates(Payer(), "heavy"), ["a phone"]),
        )
    assert 25 < gated.value.retry_after <= 30
    after = await dump(redis)
    for key in (*gates(Payer(), "heavy"), keys.allowance("default", "heavy")):
        after.pop(key, None)
    assert after.keys() == before.keys()
    assert (await store.change("call_1", lambda c: calls.placing(c, now(), "x"))).applied


@pytest.mark.parametrize(
    ("since_ms", "closes_in_ms", "error"),
    [(0, None, OutOfTime), (-60_000, 0, UpstreamGated), (-60_000, 60_000, None)],
)
async def test_after_its_time_and_its_hours_by_the_server_s_clock_no_fence_is_taken(
    store: CallStore,
    since_ms: int,
    closes_in_ms: int | None,
    error: type[Exception] | None,
) -> None:
    await store.accept(new(), REQUEST)
    await store.commands.execute("HSET", keys.call("call_1"), "worthUntilMs", now() - since_ms)
    closes = None if closes_in_ms is None else now() + closes_in_ms
    way = Obstacles(gates(Payer(), "heavy"), ["a phone"], closes=closes)
    with pytest.raises(error) if error else nullcontext():
        await store.change("call_1", lambda c: calls.placing(c, now(), "x"), obstacles=way)
    record = await store.record("call_1")
    assert record is not None
    assert record.call.fence == ("" if error else "x")


async def test_a_longer_penalty_is_not_shortened(store: CallStore) -> None:
    budget = RedisBudget(store.commands)
    await penalise(store, 60)
    await penalise(store, 5)
    with pytest.raises(UpstreamGated) as gated:
        await budget.spend(Payer(), "heavy")
    assert gated.value.retry_after > 50
    await budget.spend(Payer(), "light")


async def test_the_same_key_is_the_same_call_and_another_request_is_refused(
    store: CallStore, redis: Redis
) -> None:
    first = await store.accept(new(1), REQUEST, Idempotency("k", "f"))
    before = await dump(redis)
    again = await store.accept(new(2), REQUEST, Idempotency("k", "f"))
    assert (first.snapshot is None, again.snapshot, again.call_id) == (False, None, "call_1")
    with pytest.raises(IdempotencyKeyReused):
        await store.accept(new(3), REQUEST, Idempotency("k", "other"))
    assert (await dump(redis)).keys() == before.keys()


async def test_an_accept_that_arrives_late_writes_nothing(store: CallStore, redis: Redis) -> None:
    await store.accept(new(1), REQUEST)
    before = (await dump(redis)).keys()
    with pytest.raises(StorageUnavailable):
        await store.accept(new(2), REQUEST, Idempotency("k", "f"), patience=-1_000)
    assert (await dump(redis)).keys() == before


async def test_changing_what_is_not_there_says_so(store: CallStore) -> None:
    with pytest.raises(CallNotFound):
        await store.change("call_9", lambda c: calls.cancelled(c, now()))


async def test_a_call_stands_in_the_index_of_its_state_alone(
    store: CallStore, redis: Redis
) -> None:
    await store.accept(new(), REQUEST)
    await store.change("call_1", lambda c: calls.placing(c, now(), "f"))
    await store.change("call_1", lambda c: calls.placed(c, now(), "f", "s-1", NOT_SPOKEN))
    indexes = {state: await redis.zrange(keys.state(state), 0, -1) for state in State}
    assert {state.value for state, members in indexes.items() if members} == {"ringing"}
    assert await store.by_ringout("s-1") == "call_1"
    assert await redis.zscore(keys.LOOKS, "call_1") is not None
    assert await redis.zcard(keys.PLACINGS) == 0
    await store.change("call_1", lambda c: calls.ended(c, now(), Outcome.BUSY))
    assert await redis.zcard(keys.LOOKS) == 0
    ttl = await redis.ttl(keys.call("call_1"))
    assert StoreOptions().retention - 10 < ttl <= StoreOptions().retention


async def test_a_look_has_one_owner_until_its_lease_ends(store: CallStore, redis: Redis) -> None:
    await store.accept(new(), REQUEST)
    await store.change("call_1", lambda c: calls.placing(c, now(), "f"))
    await store.change("call_1", lambda c: calls.placed(c, now(), "f", "s-1", NOT_SPOKEN))
    await redis.zadd(keys.LOOKS, {"call_1": 1})
    looks = Looks(store.commands)
    first = await looks.claim(60_000, 10)
    second = await looks.claim(60_000, 10)
    assert ([one.record.call.id for one in first.claimed], second.claimed) == (["call_1"], [])
    await redis.zadd(keys.LOOKS, {"call_1": 1})
    [taken] = (await looks.claim(60_000, 10)).claimed
    assert not await looks.postpone("call_1", first.claimed[0].lease, 0)
    assert await looks.postpone("call_1", taken.lease, 5_000)
    wait = (await looks.claim(60_000, 10)).wait
    assert wait is not None
    assert 4_000 < wait <= 5_000


async def test_commands_of_one_moment_leave_together(store: CallStore, redis: Redis) -> None:
    await redis.ping()
    before = (await redis.info("stats"))["total_reads_processed"]
    await asyncio.gather(*(store.commands.execute("GET", f"k{n}") for n in range(200)))
    after = (await redis.info("stats"))["total_reads_processed"]
    assert after - before < 20


async def test_a_server_that_is_away_is_said_to_be_in_time() -> None:
    client = connect("redis://127.0.0.1:1/0", WORKER)
    try:
        with pytest.raises(StorageUnavailable):
            await Commands(client, WORKER).execute("PING")
        with pytest.raises(RedisConnectionError):
            await client.ping()
    finally:
        await client.aclose()


@pytest.mark.parametrize(("count", "limit"), [(25, 7), (450, 200), (450, 50)])
async def test_pages_hold_every_call_once_newest_first(
    store: CallStore, count: int, limit: int
) -> None:
    at = now()
    accepts = [
        store.accept(new(number, accepted_at=at - number // 300), REQUEST)
        for number in range(count)
    ]
    await asyncio.gather(*accepts)
    listing = CallList(store.commands)
    seen: list[tuple[int, str]] = []
    cursor = None
    while True:
        page = await listing.page(Wanted(client_reference="Fall 17 · ü"), limit, cursor)
        seen += [(call.accepted_at, call.id) for call in page.calls]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == count
    assert seen == sorted(set(seen), reverse=True)


async def test_a_cursor_that_is_not_ours_is_refused(store: CallStore) -> None:
    for cursor in ("?", "AAAA", "ü", "eA"):
        with pytest.raises(ValueError, match="not a cursor"):
            await CallList(store.commands).page(Wanted(), 5, cursor)
