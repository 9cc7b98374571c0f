"""What both front ends rely on: waiting without polling, one live read for many, adoption."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator.domain import calls
from orchestrator.domain.access import HOUSE
from orchestrator.domain.budget import Heard, Payer, Payment, Penalty
from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.errors import (
    CallNotFound,
    CallWithdrawn,
    RingOutError,
    UpstreamFailed,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.service.accepting import Accepting, ServiceOptions
from orchestrator.service.calls import CallService
from orchestrator.service.destinations import Destinations
from orchestrator.service.models import parsed
from orchestrator.service.whom import Whom
from orchestrator.service.wishes import Wish
from orchestrator.storage.audit import Audit
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import WORKER, Commands, connect
from orchestrator.storage.digests import Digests
from orchestrator.storage.feed import Feed
from orchestrator.storage.glances import Glances
from orchestrator.storage.lanes import Lanes
from orchestrator.storage.listing import CallList, Wanted

BODY = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
CONNECTED = Reading("Success", "Success", "Success")


class Source:
    """A status source that answers when it is told to."""

    def __init__(self) -> None:
        self.reading: Reading | Exception = CONNECTED
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.was_asked = asyncio.Event()

    async def status(self, account: str, extension: str, ringout_id: str) -> Reading:
        """The reading set, or the error."""
        self.asked += 1
        self.was_asked.set()
        await self.may_answer.wait()
        if isinstance(self.reading, Exception):
            raise self.reading
        return self.reading


class Payers:
    """Says that one credential asks, or that nobody does."""

    def __init__(self) -> None:
        self.answer: Payer | Exception = Payer()

    async def payer(self, account: str, extension: str) -> Payer:
        """The payer set, or the error."""
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def payer_named(self, name: str) -> Payer:
        """The payer set, or one of this name."""
        is_set = isinstance(self.answer, Payer) and self.answer.credential == name
        return self.answer if is_set and isinstance(self.answer, Payer) else Payer(name)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def payers() -> Payers:
    return Payers()


@pytest.fixture
async def service(redis_url: str, source: Source, payers: Payers) -> AsyncIterator[CallService]:
    redis = connect(redis_url, replace(WORKER, answer=6.0))
    commands = Commands(redis, WORKER)
    feed = Feed(redis)
    store = CallStore(commands, now, follow_ups(), StoreOptions())
    yield CallService(
        store=store,
        listing=CallList(commands),
        glances=Glances(commands, b"secret"),
        feed=feed,
        source=source,
        payers=payers,
        lanes=Lanes(commands, RedisBudget(commands)),
        clock=now,
        accepting=Accepting(
            store,
            payers,
            Whom(Destinations(frozenset({"US"})), Digests(commands, "k" * 32)),
            now,
            ServiceOptions(base_url="http://x"),
        ),
        audit=Audit(commands, now),
    )
    await feed.close()
    await redis.aclose()


async def ring(service: CallService) -> str:
    """A call that rings; its id."""
    call_id = (await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot.id
    await service.store.change(call_id, lambda c: calls.placing(c, now(), "f"))
    await service.store.change(
        call_id, lambda c: calls.placed(c, now(), "f", f"s-{call_id}", NOT_SPOKEN)
    )
    return call_id


async def test_a_waiter_is_woken_by_the_change(service: CallService) -> None:
    snapshot = (await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot
    waiting = asyncio.create_task(service.answered(snapshot, 30))
    await service.store.change(snapshot.id, lambda c: calls.placing(c, now(), "f"))
    await service.store.change(
        snapshot.id, lambda c: calls.placed(c, now(), "f", "s-1", NOT_SPOKEN)
    )
    async with asyncio.timeout(5):
        answered = await waiting
    assert json.loads(answered.document)["ringoutId"] == "s-1"


async def test_a_waiter_that_waits_in_vain_gets_the_call_as_it_is(service: CallService) -> None:
    snapshot = (await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot
    assert (await service.answered(snapshot, 0.05)).state.value == "queued"
    assert (await service.changed(snapshot, 0.05)).sequence == 1


async def test_a_refusal_reaches_the_waiter_with_ringcentral_s_status(
    service: CallService,
) -> None:
    snapshot = (await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot
    await service.store.change(snapshot.id, lambda c: calls.placing(c, now(), "f"))
    refusal = UpstreamRefused(403, "TEL-101", "blocked")
    await service.store.change(snapshot.id, lambda c: calls.refused(c, now(), "f", refusal))
    with pytest.raises(UpstreamRefused) as refused:
        await service.answered(snapshot, 5)
    assert (refused.value.http_status, refused.value.error_code) == (403, "TEL-101")


async def test_a_call_that_ended_unplaced_is_withdrawn(service: CallService) -> None:
    snapshot = (await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot
    await service.cancel(HOUSE, "~", "~", snapshot.id)
    with pytest.raises(CallWithdrawn):
        await service.answered(snapshot, 5)


async def test_many_who_insist_make_one_live_read(service: CallService, source: Source) -> None:
    call_id = await ring(service)
    source.may_answer.clear()
    readers = [
        asyncio.create_task(service.read(HOUSE, "~", "~", call_id, fresh=True)) for _ in range(40)
    ]
    await source.was_asked.wait()
    source.may_answer.set()
    glances = await asyncio.gather(*readers)
    assert source.asked == 1
    assert {glance.snapshot.state.value for glance in glances} == {"connected"}
    assert all(glance.live for glance in glances)


@pytest.mark.parametrize(
    "error",
    [
        UpstreamFailed("502"),
        UpstreamUnavailable("away", 3),
        UpstreamRefused(403, "CMN-401", "no"),
    ],
    ids=lambda error: error.code,
)
async def test_a_live_read_that_fails_fails_once_for_all(
    service: CallService, source: Source, error: RingOutError
) -> None:
    call_id = await ring(service)
    source.reading = error
    reads = [service.read(HOUSE, "~", "~", call_id, fresh=True) for _ in range(20)]
    failures = await asyncio.gather(*reads, return_exceptions=True)
    assert source.asked == 1
    assert {type(failure) for failure in failures} == {type(error)}
    for failure in failures:
        assert isinstance(failure, type(error))
        for name in ("retry_after", "http_status", "error_code"):
            assert getattr(failure, name, None) == getattr(error, name, None)
    source.reading = CONNECTED
    redis = service.store.commands.redis
    await redis.delete(*await redis.keys("*glance*"))
    assert (
        await service.read(HOUSE, "~", "~", call_id, fresh=True)
    ).snapshot.state.value == "connected"


async def test_where_the_budget_is_spent_the_call_is_told_as_it_was_last_seen(
    service: CallService, source: Source
) -> None:
    call_id = await ring(service)
    source.reading = UpstreamGated("gated", 7)
    reads = [service.read(HOUSE, "~", "~", call_id, fresh=True) for _ in range(20)]
    glances = await asyncio.gather(*reads)
    assert source.asked == 1
    assert {(glance.snapshot.state.value, glance.live) for glance in glances} == {
        ("ringing", False)
    }


async def test_where_the_budget_is_spent_a_foreign_ring_out_has_to_wait(
    service: CallService, source: Source
) -> None:
    source.reading = UpstreamGated("gated", 7)
    with pytest.raises(UpstreamGated) as gated:
        await service.read(HOUSE, "~", "~", "s-foreign")
    assert gated.value.retry_after == 7


async def test_a_call_that_waits_says_where_it_stands(service: CallService) -> None:
    ids = [(await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot.id for _ in range(3)]
    refused = Payment(Payer(), "heavy", "refused")
    budget = RedisBudget(service.store.commands)
    await budget.settle(refused, Heard(penalty=Penalty(30)))
    shown = [
        json.loads((await service.read(HOUSE, "~", "~", one)).snapshot.document) for one in ids
    ]
    assert [one["queue"]["position"] for one in shown] == [1, 2, 3]
    starts = [from_rfc3339(one["queue"]["estimatedStart"]) for one in shown]
    assert all(now() + 20_000 < start < now() + 31_000 for start in starts)
    await service.cancel(HOUSE, "~", "~", ids[0])
    second = json.loads((await service.read(HOUSE, "~", "~", ids[1])).snapshot.document)
    assert second["queue"]["position"] == 1


async def test_a_call_whose_turn_it_is_names_no_place(service: CallService) -> None:
    call_id = (await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot.id
    shown = json.loads((await service.read(HOUSE, "~", "~", call_id)).snapshot.document)
    assert shown.get("queue") is None


async def test_a_call_that_nobody_can_ask_for_is_not_accepted(
    service: CallService, payers: Payers
) -> None:
    payers.answer = UpstreamRefused(403, "no_credential", "nobody")
    with pytest.raises(UpstreamRefused):
        await service.accept(HOUSE, Wish(parsed(BODY), "1", "2"))
    assert (await service.page(HOUSE, Wanted(), 10, None)).calls == []


async def test_a_call_is_its_credential_s_from_the_start(
    service: CallService, payers: Payers
) -> None:
    payers.answer = Payer("desk", "123")
    call_id = (await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot.id
    record = await service.store.record(call_id)
    assert record is not None
    assert record.call.credential == "desk"
    assert await service.lanes.place_of(call_id, Payer("desk", "123")) is not None
    assert await service.lanes.place_of(call_id, Payer()) is None


async def test_a_call_that_waits_is_read_where_its_credential_was_removed_or_passed_on(
    service: CallService, payers: Payers
) -> None:
    ids = [(await service.accept(HOUSE, Wish(parsed(BODY)))).snapshot.id for _ in range(2)]
    budget = RedisBudget(service.store.commands)
    await budget.settle(Payment(Payer(), "heavy", "refused"), Heard(penalty=Penalty(30)))
    for answer in (UpstreamRefused(403, "no_credential", "nobody"), Payer("desk")):
        payers.answer = answer
        shown = json.loads((await service.read(HOUSE, "~", "~", ids[1])).snapshot.document)
        assert shown["queue"]["position"] == 2


async def test_a_reader_that_goes_away_leaves_the_read_to_the_next(
    service: CallService, source: Source
) -> None:
    call_id = await ring(service)
    source.may_answer.clear()
    first = asyncio.create_task(service.read(HOUSE, "~", "~", call_id, fresh=True))
    await source.was_asked.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    source.may_answer.set()
    async with asyncio.timeout(5):
        glance = await service.read(HOUSE, "~", "~", call_id, fresh=True)
    assert glance.snapshot.state.value == "connected"


async def test_a_call_is_found_by_either_id_and_only_under_its_path(service: CallService) -> None:
    call_id = await ring(service)
    by_theirs = await service.read(HOUSE, "~", "~", f"s-{call_id}")
    assert (by_theirs.snapshot.id, by_theirs.live) == (call_id, False)
    assert (await service.read(HOUSE, "123", "~", call_id)).snapshot.id == call_id
    accepted = await service.accept(HOUSE, Wish(parsed(BODY), "123", "456"))
    with pytest.raises(CallNotFound):
        await service.read(HOUSE, "123", "457", accepted.snapshot.id)


async def test_an_id_of_ours_that_is_unknown_never_reaches_ringcentral(
    service: CallService, source: Source
) -> None:
    with pytest.raises(CallNotFound):
        await service.read(HOUSE, "~", "~", "call_none")
    with pytest.raises(CallNotFound):
        await service.cancel(HOUSE, "~", "~", "call_none")
    assert source.asked == 0


async def test_a_foreign_ring_out_is_read_live_and_not_kept(
    service: CallService, source: Source
) -> None:
    glance = await service.read(HOUSE, "~", "~", "s-foreign")
    shown = json.loads(glance.snapshot.document)
    assert glance.live
    assert (shown["id"], shown["ringoutId"], shown["state"]) == (
        "s-foreign",
        "s-foreign",
        "connected",
    )
    assert (shown["from"], shown["acceptedAt"], shown["sequence"]) == (None, None, 0)
    assert (await service.page(HOUSE, Wanted(), 10, None)).calls == []
    source.reading = UpstreamGone(404, "CMN-102", "not found")
    for _ in range(2):
        with pytest.raises(CallNotFound):
            await service.read(HOUSE, "~", "~", "s-other")


async def test_a_foreign_ring_out_that_is_cancelled_becomes_one_call(
    service: CallService, source: Source
) -> None:
    source.reading = NOT_SPOKEN
    cancelled = await asyncio.gather(
        *(service.cancel(HOUSE, "~", "~", "s-foreign") for _ in range(5))
    )
    assert len({one.snapshot.id for one in cancelled}) == 1
    assert len((await service.page(HOUSE, Wanted(), 10, None)).calls) == 1


async def test_two_hundred_requests_with_one_key_are_one_call(service: CallService) -> None:
    accepted = await asyncio.gather(
        *(service.accept(HOUSE, Wish(parsed(BODY), idempotency_key="key")) for _ in range(200))
    )
    assert len({one.snapshot.id for one in accepted}) == 1
    assert sum(not one.replayed for one in accepted) == 1
    assert len((await service.page(HOUSE, Wanted(), 10, None)).calls) == 1
