"""Notices on a real server: whose they are, and that the look that they make due is made."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain import calls
from orchestrator.domain.calls import Call
from orchestrator.domain.notices import Notice, PartyState
from orchestrator.domain.status import NOT_SPOKEN
from orchestrator.domain.words import Outcome, State
from orchestrator.jobs import Kind, follow_ups
from orchestrator.runtime import now
from orchestrator.service.hearing import Heard, Hearing
from orchestrator.storage import keys
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.looks import Due, Looks
from orchestrator.storage.notices import NoticeBook
from orchestrator.storage.pairs import Pairs
from tests.harness.twice import SentTwice
from tests.harness.waiting import wait_until
from workers.queue import Wake

HOME, ANNA, BERT = "+16505550100", "+16505550123", "+16505550124"
FAR_MS = 3_600_000
DESK = "desk"


class House:
    """Calls that were placed, and what is heard of them."""

    def __init__(self, redis: Redis, commands: type[Commands]) -> None:
        self.redis = redis
        self.commands = commands(redis, WORKER)
        options = StoreOptions(first_look=FAR_MS)
        self.store = CallStore(self.commands, now, follow_ups(), options)
        # A claim whose answer is lost is made again when its lease has ended.
        self.looks = Looks(Commands(redis, WORKER))
        self.book = NoticeBook(self.commands)
        self.pairs = Pairs(self.commands, b"secret")
        self.hearing = Hearing(self.store, self.book, self.pairs, now)

    async def asked(self, number: int = 1, to: str = ANNA, **fields: Any) -> Call:
        """A call that RingCentral is being asked for."""
        at = now()
        call = Call(f"call_{number}", "http://x/call", "~", "101", at, at + 60_000)
        call = replace(call, credential=DESK, **fields)
        request = {"from": {"phoneNumber": HOME}, "to": {"phoneNumber": to}}
        await self.store.accept(call, request)
        await self.pairs.note(call.id, to, at)
        await self.store.change(call.id, lambda one: calls.placing(one, now(), "fence"))
        return call

    async def placed(self, number: int = 1, to: str = ANNA, **fields: Any) -> Call:
        """A call that RingCentral has; its first look is far away."""
        call = await self.asked(number, to, **fields)
        await self.store.change(
            call.id,
            lambda one: calls.placed(one, now(), "fence", f"r-{number}", NOT_SPOKEN),
        )
        return call

    async def lost(self, number: int = 1, to: str = ANNA) -> Call:
        """A call whose answer was lost; its reconciliation is far away."""
        call = await self.asked(number, to)
        await self.store.change(call.id, lambda one: calls.unconfirmed(one, "lost", "Lost."))
        job = keys.job_id(Kind.RECONCILE, call.id)
        await self.redis.zadd(keys.QUEUE, {job: now() + FAR_MS})
        return call

    async def hears(self, notice: Notice, credential: str = DESK) -> Heard:
        return await self.hearing.heard(credential, notice)

    async def known(self, call: Call) -> Call:
        record = await self.store.record(call.id)
        assert record is not None
        return record.call

    async def due(self) -> Due:
        return await self.looks.claim(15_000, 100)

    async def are_due(self) -> list[str]:
        return sorted(one.record.call.id for one in (await self.due()).claimed)


@pytest.fixture(params=[Commands, SentTwice], ids=["sent once", "sent twice"])
def house(request: pytest.FixtureRequest, redis: Redis) -> House:
    return House(redis, request.param)


def told(
    session: str = "s-1", sequence: int = 1, code: str = "Proceeding", **fields: Any
) -> Notice:
    parties = (PartyState("p-1", code, is_ours=True),)
    numbers = frozenset({HOME, ANNA})
    notice = Notice("u", session, sequence, "RingOut", now(), numbers, parties, frozenset())
    return replace(notice, **fields)


async def test_a_session_that_is_known_hurries_its_call(house: House) -> None:
    await house.placed()
    assert await house.are_due() == []
    assert await house.hears(told("r-1")) is Heard.HURRIED
    assert await house.are_due() == ["call_1"]


async def test_a_session_that_fits_one_call_is_bound_to_it(house: House) -> None:
    call = await house.placed()
    before = await house.known(call)
    assert await house.hears(told("s-1")) is Heard.HURRIED
    after = await house.known(call)
    assert after == replace(before, session_id="s-1")
    assert await house.store.by_ringout("s-1") == call.id
    assert await house.are_due() == ["call_1"]


async def test_a_late_notice_is_of_a_session_whose_first_was_heard_in_time(house: House) -> None:
    """The first came while RingCentral was being asked, for a call that had no id yet."""
    call = await house.asked()
    assert await house.hears(told()) is Heard.HURRIED
    assert (await house.known(call)).session_id == "s-1"
    far = now() + 600_000
    assert await house.hears(told(sequence=2, at=far)) is Heard.HURRIED
    assert await house.hears(told("s-2", at=far)) is Heard.UNKNOWN


async def test_two_calls_that_cannot_be_told_apart_are_both_looked_at(house: House) -> None:
    twins = [await house.placed(number) for number in (1, 2)]
    assert await house.hears(told()) is Heard.AMBIGUOUS
    assert await house.are_due() == ["call_1", "call_2"]
    assert [(await house.known(one)).session_id for one in twins] == [None, None]


async def test_a_call_that_was_told_of_by_its_own_id_is_no_other_session(house: House) -> None:
    own, twin = [await house.placed(number) for number in (1, 2)]
    assert await house.hears(told("r-1")) is Heard.HURRIED
    assert await house.hears(told("s-2")) is Heard.HURRIED
    assert (await house.known(own)).session_id is None
    assert (await house.known(twin)).session_id == "s-2"


@pytest.mark.parametrize(
    ("notice", "credential"),
    [
        (told(numbers=frozenset({HOME, BERT})), DESK),
        (told(numbers=frozenset({ANNA, BERT})), DESK),
        (told(numbers=frozenset()), DESK),
        (told(), "other"),
        (told(origin=""), DESK),
    ],
    ids=["other callee", "other caller", "no phones", "another's", "origin not told"],
)
async def test_what_fits_no_call_does_nothing(
    house: House, notice: Notice, credential: str
) -> None:
    call = await house.placed()
    before = await house.known(call)
    assert await house.hears(replace(notice, at=now()), credential) is Heard.UNKNOWN
    assert await house.are_due() == []
    assert await house.known(call) == before


async def test_an_inbound_session_beside_the_call_is_ignored(house: House) -> None:
    await house.placed()
    assert await house.hears(told("r-1", origin="Call")) is Heard.IGNORED
    assert await house.are_due() == []


async def test_an_older_notice_tells_nothing_and_a_newer_one_does(house: House) -> None:
    await house.placed()
    heard = [await house.hears(told("r-1", sequence)) for sequence in (2, 2, 1, 5, 4)]
    assert heard == [Heard.HURRIED, Heard.OLD, Heard.OLD, Heard.HURRIED, Heard.OLD]


async def test_of_another_party_an_older_notice_is_news(house: House) -> None:
    await house.placed()
    customer = (PartyState("p-2", "Answered"),)
    assert await house.hears(told("r-1", 5)) is Heard.HURRIED
    assert await house.hears(told("r-1", 4, parties=customer)) is Heard.HURRIED


async def test_what_has_no_sequence_is_always_news(house: House) -> None:
    await house.placed()
    assert [await house.hears(told("r-1", 0)) for _ in range(2)] == [Heard.HURRIED] * 2


async def test_a_notice_during_a_look_leads_to_one_more(house: House) -> None:
    """The look began before: what it reads may be older than what was told."""
    await house.placed()
    await house.hears(told("r-1"))
    [first] = (await house.due()).claimed
    await house.hears(told("r-1", 2, "Disconnected"))
    [second] = (await house.due()).claimed
    assert not first.words
    assert second.words == {"over"}
    assert not await house.looks.postpone("call_1", first.lease, FAR_MS)
    assert await house.looks.postpone("call_1", second.lease, FAR_MS)
    assert await house.are_due() == []


async def test_a_look_is_told_how_long_ago_and_what(house: House, redis: Redis) -> None:
    await house.placed()
    customer = PartyState("p-2", "Gone")
    await house.hears(told("r-1", parties=(customer,)))
    await house.hears(told("r-1", 2))
    [claimed] = (await house.due()).claimed
    assert claimed.words == {"over", "both"}
    assert claimed.told is not None
    assert claimed.told < 10_000
    await house.commands.execute("HSET", keys.call("call_1"), "told", f"{now() - 60_000} over")
    await house.book.hurry_look("call_1", DESK)
    [claimed] = (await house.due()).claimed
    assert claimed.told is not None
    assert claimed.told >= 60_000


async def test_the_workers_are_told_that_a_look_is_due(house: House, redis: Redis) -> None:
    """At once, and no job is looked for because of it."""
    await house.placed()
    wake, looked = Wake(redis), asyncio.Event()
    listening = asyncio.create_task(wake.listen())
    await wait_until(wake.event.is_set)
    wake.event.clear()
    wake.on_look = looked.set
    await house.hears(told("r-1"))
    await wait_until(looked.is_set)
    assert not wake.event.is_set()
    wake.stop()
    await listening


async def test_a_call_that_is_not_looked_at_is_not_made_to_be(house: House, redis: Redis) -> None:
    call = await house.placed()
    await house.store.change(call.id, lambda one: calls.ended(one, now(), Outcome.COMPLETED, None))
    assert await house.hears(told("r-1")) is Heard.HURRIED
    assert await house.are_due() == []
    assert not await house.book.hurry_look("call_9", DESK, "over")
    assert not await redis.exists(keys.call("call_9"))


async def test_a_lost_call_is_looked_for_at_once(house: House, redis: Redis) -> None:
    call = await house.lost()
    job = keys.job_id(Kind.RECONCILE, call.id)
    assert await house.hears(told()) is Heard.HURRIED
    known = await house.known(call)
    assert (known.session_id, known.state) == ("s-1", State.UNCONFIRMED)
    assert (await redis.zscore(keys.QUEUE, job) or 0) <= now()


async def test_a_reconciliation_that_runs_is_left_alone(house: House, redis: Redis) -> None:
    call = await house.lost()
    job = keys.job_id(Kind.RECONCILE, call.id)
    await redis.set(keys.in_progress(job), "1", px=60_000)
    before = await redis.zscore(keys.QUEUE, job)
    assert not await house.book.hurry_job(Kind.RECONCILE, call.id)
    assert await redis.zscore(keys.QUEUE, job) == before


async def test_a_gap_hurries_all_live_calls_of_its_credential(house: House) -> None:
    for number in range(1, 4):
        await house.placed(number)
    other = await house.placed(5)
    await house.store.change(other.id, lambda one: calls.ended(one, now(), Outcome.COMPLETED, None))
    assert await house.book.hurry_all(frozenset({"nobody"})) == 0
    assert await house.are_due() == []
    assert await house.book.hurry_all(frozenset({DESK, "nobody"})) == 3
    claimed = (await house.due()).claimed
    assert sorted(one.record.call.id for one in claimed) == ["call_1", "call_2", "call_3"]
    assert {one.told for one in claimed} == {None}
