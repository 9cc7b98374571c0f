"""A phone is forgotten: what names it goes, everywhere, and a search proves it."""

import json
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain import calls, phones
from orchestrator.domain.access import HOUSE, Principal, Quota, Scope
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.errors import InsufficientScope, UpstreamFailed
from orchestrator.domain.evidence import CallRecord, Sighting
from orchestrator.domain.words import Outcome
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.service.forgetting import Forgetter
from orchestrator.service.forgotten import Forgotten
from orchestrator.service.numbering import spellings
from orchestrator.storage import delivery_keys, keys, velocity_keys
from orchestrator.storage.admission import Admission, Window
from orchestrator.storage.audit import Actor, Audit
from orchestrator.storage.calls import CallStore, StoreOptions, asked
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.digests import Digests
from orchestrator.storage.glances import Glances
from orchestrator.storage.pairs import Pairs
from orchestrator.storage.search import Search

NUMBER, OTHER = "+16505550123", "+16505550100"
ACTOR = Actor("", "tester", "cli")
now_of_redis = now


class House:
    """A store with calls in it."""

    def __init__(self, redis: Redis) -> None:
        self.redis: Any = redis
        self.commands = Commands(redis, WORKER)
        self.store = CallStore(self.commands, now, follow_ups(1.0), StoreOptions())
        self.digests = Digests(self.commands, "k" * 32)
        self.pairs = Pairs(self.commands, b"secret")
        audit = Audit(self.commands, now)
        self.forgetter = Forgetter(self.store, self.digests, audit, self.pairs)

    async def accept(self, name: str, to: str = NUMBER, **more: Any) -> str:
        """A call that was accepted, with all that this writes."""
        call = Call(
            id=f"call_{name}",
            uri="/",
            account_id="~",
            extension_id="~",
            accepted_at=now(),
            expires_at=now() + 60_000,
            from_=Endpoint.shown(OTHER),
            to=Endpoint.shown(to),
            **more,
        )
        digests = [await self.digests.of(number) for number in (to, OTHER)]
        admission = Admission(
            owner="",
            numbers=(("to.phoneNumber", digests[0]), ("from.phoneNumber", digests[1])),
            click=f"click{name}",
            double_click=5,
            windows=(Window("callee", digests[0], (Quota(50, 60),)),),
            audit=["a", "b"],
            audit_kept=1000,
        )
        body = {"from": {"phoneNumber": OTHER}, "to": {"phoneNumber": to}}
        await self.store.accept(
            call, asked(body, f"https://example.com/?to={to}"), None, None, admission
        )
        await self.pairs.note(call.id, to, now(), frozenset({to, OTHER}))
        return call.id

    async def end(self, call_id: str) -> None:
        """Ends a call, whose reason names its callee."""
        reason = calls.Reason("x", f"No answer of {phones.masked(NUMBER)}.")
        await self.store.change(
            call_id, lambda call: calls.ended(call, now(), Outcome.FAILED, reason)
        )

    async def ring(self, call_id: str) -> None:
        """A worker asks RingCentral for a call."""
        await self.store.change(call_id, lambda call: calls.placing(call, now(), "fence"))

    async def deliver(self, name: str, call_id: str) -> str:
        """A delivery about a call."""
        document = json.loads(await self.redis.hget(keys.call(call_id), "document") or "")
        body = json.dumps({"type": "call.ended", "timestamp": "x", "data": document})
        key = delivery_keys.delivery(name)
        await self.redis.hset(key, mapping={"call": call_id, "body": body})
        await self.redis.expire(key, 60)
        await self.redis.zadd(delivery_keys.DELIVERIES, {name: now()})
        return key

    async def forget(self, number: str = NUMBER) -> Forgotten:
        """What is done to forget a number."""
        return await self.forgetter.forget(HOUSE, number, ACTOR)


@pytest.fixture
def house(redis: Redis) -> House:
    return House(redis)


async def test_the_request_goes_with_the_end_and_the_callback_stays(house: House) -> None:
    call_id = await house.accept("a")
    redis = house.redis
    assert NUMBER.encode() in (await redis.get(keys.request(call_id)) or b"")
    assert b"callbackUrl" not in (await redis.get(keys.request(call_id)) or b"")

    await house.end(call_id)

    assert await redis.get(keys.request(call_id)) is None
    assert await redis.get(keys.callback(call_id)) == f"https://example.com/?to={NUMBER}".encode()
    assert 0 < await redis.ttl(keys.callback(call_id)) <= StoreOptions().retention


async def test_what_names_the_phone_goes_and_the_rest_stays(house: House) -> None:
    redis = house.redis
    mine = await house.accept("mine", client_reference="ticket for (650) 555-0123 +1 650 555-0123")
    other = await house.accept("other", to="+16505550199", client_reference="ticket 2")
    for call_id in (mine, other):
        await house.end(call_id)
    delivery = await house.deliver("wd_1", mine)
    events = await redis.xlen(keys.EVENTS)
    assert (await Search(house.commands).number(spellings(NUMBER))).keys != []

    done = await house.forget()

    assert (done.calls, done.events, done.deliveries) == (1, 2, 1)
    assert (done.in_use, done.found, done.is_done) == ((), (), True)
    assert done.keys > 15
    record = await redis.hgetall(keys.call(mine))
    shown = json.loads(record[b"document"])
    assert (record[b"to"], record[b"clientReference"]) == (phones.HIDDEN.encode(), b"")
    assert (shown["to"]["phoneNumber"], shown["clientReference"]) == (phones.HIDDEN, None)
    assert shown["from"]["phoneNumber"] == phones.masked(OTHER)
    assert phones.masked(NUMBER) not in json.dumps(shown)
    assert phones.masked(NUMBER).encode() not in await redis.hget(delivery, "body")
    assert await redis.xlen(keys.EVENTS) == events - 2


WRITTEN = [
    "6505550123",
    "(650) 555-0123",
    "+1\N{EN DASH}650\N{EN DASH}555\N{EN DASH}0123",
    "1_650_555_0123",
    "+1 (0)650 555 0123",
    "%31%36505550123",
    "1%E2%80%93650%E2%80%93555%E2%80%930123",
    "1%252D650%252D555%252D0123",
    "650/555/0123",
    "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in "1650555") + "0123",
]


@pytest.mark.parametrize("written", WRITTEN)
async def test_a_client_s_own_words_go_however_the_number_is_written(
    house: House, written: str
) -> None:
    redis, ids = house.redis, []
    for name, words in (("with", written), ("without", written.replace("0123", "0199"))):
        ids.append(await house.accept(name, client_reference=f"for {words}, urgent"))
        await redis.set(keys.callback(ids[-1]), f"https://example.com/?n={words}", ex=60)
        await house.end(ids[-1])
    deliveries = [await house.deliver(f"wd_{call_id}", call_id) for call_id in ids]
    holders = {keys.call(ids[0]), keys.callback(ids[0]), deliveries[0]}
    assert holders <= set((await Search(house.commands).number(spellings(NUMBER))).keys)

    done = await house.forget()

    assert (done.calls, done.found) == (2, ())
    references = [await redis.hget(keys.call(call_id), "clientReference") for call_id in ids]
    assert (references[0], b"0199" in references[1]) == (b"", True)
    assert await redis.exists(keys.callback(ids[0])) == 0
    assert b"0199" in (await redis.get(keys.callback(ids[1])) or b"")
    told = [json.loads(await redis.hget(one, "body") or "")["data"] for one in deliveries]
    assert told[0]["clientReference"] is None
    assert "0199" in told[1]["clientReference"]


async def test_ids_and_times_are_not_taken_for_a_number(house: House) -> None:
    redis, prefix = house.redis, f"{keys.PREFIX}planted:"
    await redis.set(f"{prefix}id", "call_01a6505550123f 550e8400-e29b-41d4-a716-6505550123ab")
    await redis.set(f"{prefix}time", "1764650555.0123 2026-06-50T55:50:12.3 96505550123")
    await redis.set(f"{prefix}another", "+52 650 555 0123 and +16505550124")
    await redis.zadd(f"{prefix}score", {"x": 16505550123})
    await redis.zadd(f"{prefix}longer", {"x": 1650555012300})
    try:
        found = (await Search(house.commands).number(spellings(NUMBER))).keys
        assert found == [f"{prefix}score"]
    finally:
        await redis.flushall()


async def test_what_is_kept_beside_a_call_goes_with_it(house: House) -> None:
    redis, digest = house.redis, await house.digests.of(NUMBER)
    mine, other = await house.accept("mine"), await house.accept("other", to="+16505550199")
    for call_id in (mine, other):
        await house.end(call_id)
        await redis.rpush(keys.evidence(call_id), "said")
        await redis.expire(keys.evidence(call_id), 60)
    assert await redis.exists(velocity_keys.window("callee", digest), keys.number(digest)) == 2

    await house.forget()

    gone = (
        keys.evidence(mine),
        keys.callback(mine),
        keys.ends(mine),
        keys.number(digest),
        velocity_keys.window("callee", digest),
        velocity_keys.click("clickmine"),
    )
    assert await redis.exists(*gone) == 0
    kept = (keys.evidence(other), keys.callback(other), velocity_keys.click("clickother"))
    assert await redis.exists(*kept) == 3
    assert json.loads(await redis.hget(keys.call(other), "document") or "")["to"]["phoneNumber"]
    assert (await house.store.record(mine)) is not None


async def test_one_that_waits_is_cancelled_and_one_under_way_is_told(house: House) -> None:
    waits, rings = await house.accept("waits"), await house.accept("rings")
    await house.ring(rings)

    done = await house.forget()

    assert (done.cancelled, done.in_use, done.found) == (
        (waits,),
        (rings,),
        (keys.callback(rings),),
    )
    ended = await house.store.record(waits)
    assert ended is not None
    assert ended.call.outcome is Outcome.CANCELLED
    assert await house.store.request(rings) is not None

    await house.end(rings)
    again = await house.forget()

    assert (again.calls, again.in_use, again.found) == (1, (), ())
    assert (await house.forget()).is_done


async def test_the_search_finds_a_number_in_every_type_and_spelling(house: House) -> None:
    redis, digits = house.redis, NUMBER[1:]
    prefix = f"{keys.PREFIX}planted:"
    await redis.set(f"{prefix}string", "x" * 10_000 + f"%2B{digits}")
    await redis.hset(f"{prefix}hash", mapping={str(at): "x" for at in range(2_000)})
    await redis.hset(f"{prefix}hash", digits, "in a field's name")
    await redis.sadd(f"{prefix}set", *range(2_000), f"tel:{NUMBER}")
    await redis.zadd(f"{prefix}zset", {f"+1 (650) 555-0123 {at}": at for at in range(300)})
    await redis.rpush(f"{prefix}list", *range(1_200), NUMBER)
    for at in range(700):
        await redis.xadd(f"{prefix}stream", {"at": str(at)})
    await redis.xadd(f"{prefix}stream", {"data": json.dumps({"n": NUMBER})})
    await redis.set(f"{prefix}{digits}", "in its name")
    await redis.set(f"arq:job:{keys.TAG}:place:x", NUMBER)
    await redis.set(f"{prefix}longer", f"1{digits} {digits}0")
    await redis.set(f"{prefix}another", OTHER)
    try:
        found = await Search(house.commands).number(spellings(NUMBER))
        kinds = ("string", "hash", "set", "zset", "list", "stream", digits)
        assert sorted(found.keys) == sorted(
            [f"arq:job:{keys.TAG}:place:x", *(f"{prefix}{kind}" for kind in kinds)]
        )
        assert found.looked_at == 10
        told = (await house.forget()).found
        assert len(told) == 8
        assert digits not in json.dumps(told)
    finally:
        await redis.flushall()


async def test_events_of_a_process_whose_clock_is_ahead_go_as_well(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.integration.test_forget.now", lambda: now_of_redis() + 20_000)
    call_id = await house.accept("ahead")
    await house.end(call_id)

    assert (await house.forget()).events == 2
    assert await house.redis.xlen(keys.EVENTS) == 0


async def test_the_audit_stream_tells_of_it_without_the_number(house: House) -> None:
    await house.forget()

    (entry, *_) = await house.forgetter.audit.newest(5)
    assert (entry["action"], entry["actor"]) == ("number.forgotten", "tester")
    assert entry["about"] == await house.digests.of(NUMBER)
    assert NUMBER[1:] not in json.dumps(entry)


async def test_it_is_for_who_runs_the_house(house: House) -> None:
    asker = Principal("one", "one", frozenset(Scope) - {Scope.OPS})

    with pytest.raises(InsufficientScope):
        await house.forgetter.forget(asker, NUMBER, ACTOR)

    assert await house.forgetter.audit.newest(1) == []


async def test_what_lists_calls_is_shared_without_a_number_to_read(house: House) -> None:
    """Another process reads it with the same secret; with another one it does not."""
    record = CallRecord("s-1", now(), frozenset({NUMBER, OTHER}), is_ringout=True, result="Busy")
    sighting = Sighting("s-1", "CallConnected", now(), frozenset({NUMBER}))

    async def records() -> list[CallRecord]:
        return [record]

    async def presence() -> list[Sighting]:
        return [sighting]

    async def never() -> Any:
        raise AssertionError("it was asked for again")

    mine, theirs = Glances(house.commands, b"secret"), Glances(house.commands, b"another")
    assert await mine.records("~", "~", "log", records, 20_000) == [record]
    assert await mine.presence("~", "~", presence, 20_000) == [sighting]

    assert (await Search(house.commands).number(spellings(NUMBER))).keys == []
    same = Glances(house.commands, b"secret")
    assert await same.records("~", "~", "log", never, 20_000) == [record]
    assert await same.presence("~", "~", never, 20_000) == [sighting]
    with pytest.raises(UpstreamFailed):
        await theirs.records("~", "~", "log", never, 20_000)
