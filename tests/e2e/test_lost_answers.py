"""What each source of RingCentral's says of a call whose answer was lost, and what is made of it.

A simulator ten times as fast as life. `NO_LOG` keeps the call log from ever knowing, so that what
is known by then is known from elsewhere.
"""

import asyncio
from collections import Counter
from typing import Any

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.domain.verdicts import Source, Statement, Told
from orchestrator.runtime import FrontEnd
from orchestrator.storage.evidence import EvidenceBook
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

BUSY = "+16505550110"
TALKS = "+16505550123"
SCOPE = "ReadAccounts ReadCallLog ReadPresence RingOut"
NO_LOG = {"call_log_lag": (100_000, 100_000)}


@pytest.fixture
async def strangers(simulated: Simulated) -> Simulated:
    """A simulator whose ring-outs and sessions have ids of their own."""
    await simulated.tune(ids_equal=False)
    return simulated


async def evidence(front: FrontEnd, call_id: str) -> list[Statement]:
    return await EvidenceBook(front.backend.commands).of(call_id)


async def asked(simulated: Simulated) -> Counter[str]:
    return Counter(row["operation"] for row in await simulated.requests())


async def lost(fleet: Fleet, front: FrontEnd, to: str) -> str:
    """A call; the fault that loses its answer is in place."""
    fleet.worker()
    return await accept(front, to)


async def test_presence_brings_a_lost_call_back_while_it_rings(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg1_ring=60, **NO_LOG)
    await simulated.fault(operation="make", kind="reset_after", times=1)
    call_id = await lost(fleet, front, TALKS)
    call = await reaches(front, call_id, "ringing")
    [dialled] = await simulated.dialled(TALKS)
    assert call["ringoutId"] == dialled["id"]
    said = await evidence(front, call_id)
    assert [(one.source, one.found, one.told) for one in said] == [
        (Source.PRESENCE, 1, Told.PLACED),
        (Source.RING_OUT, 1, Told.PLACED),
    ]
    assert said[0].session_id == dialled["id"]
    assert 0 < said[0].since <= said[1].since
    operations = await asked(simulated)
    assert operations["active-calls"] == operations["call-log"] == 0


@pytest.mark.parametrize("fate", ["reset_before", "status"])
async def test_a_call_that_no_source_ever_shows_was_not_placed(
    fleet: Fleet, strangers: Simulated, front: FrontEnd, fate: str
) -> None:
    more = {"status": 503} if fate == "status" else {}
    await strangers.fault(operation="make", kind=fate, times=1, **more)
    call_id = await lost(fleet, front, TALKS)
    call = await reaches(front, call_id, "ended", seconds=40)
    assert await strangers.dialled() == []
    assert (call["outcome"], call["reason"]["code"]) == ("failed", "not_placed")
    assert "presence" in call["reason"]["message"]
    assert "call log" in call["reason"]["message"]
    said = await evidence(front, call_id)
    assert all(one.is_clear_no for one in said)
    assert {one.source for one in said} == {Source.PRESENCE, Source.CALL_LOG}
    assert sum(event["type"] == "call.placing" for event in await told(front, call_id)) == 1


async def test_a_call_that_was_to_be_cancelled_and_was_not_placed_is_cancelled(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.fault(operation="make", kind="reset_before", times=1)
    call_id = await lost(fleet, front, TALKS)
    await reaches(front, call_id, "unconfirmed")
    await front.service.cancel(HOUSE, "~", "~", call_id)
    call = await reaches(front, call_id, "ended", seconds=40)
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")
    assert call["reason"]["code"] == "not_placed"


async def test_without_presence_the_active_calls_are_asked_and_nothing_is_ruled_out(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.tune(scope=SCOPE.replace("ReadPresence ", ""))
    await strangers.fault(operation="make", kind="reset_before", times=1)
    call_id = await lost(fleet, front, TALKS)
    call = await reaches(front, call_id, "ended", seconds=40)
    assert (call["outcome"], call["reason"]["code"]) == ("unknown", "not_found")
    assert "presence (CMN-401) could not be asked" in call["reason"]["message"]
    operations = await asked(strangers)
    assert operations["presence"] == 1
    assert operations["active-calls"] > 1


async def test_a_call_seen_by_presence_and_in_no_log_is_unknown_not_unplaced(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.tune(talk=1, **NO_LOG)
    await strangers.fault(operation="make", kind="reset_after", times=1)
    call_id = await lost(fleet, front, TALKS)
    call = await reaches(front, call_id, "ended", seconds=40)
    assert (call["outcome"], call["reason"]["code"]) == ("unknown", "not_found")
    assert "may as well be another call" in call["reason"]["message"]


@pytest.mark.parametrize(("to", "outcome"), [(BUSY, "busy"), (TALKS, "completed")])
async def test_a_lost_call_s_session_tells_how_it_ended_before_the_log_can(
    fleet: Fleet, strangers: Simulated, front: FrontEnd, to: str, outcome: str
) -> None:
    await strangers.tune(scope=f"{SCOPE} CallControl", leg1_ring=5, **NO_LOG)
    await strangers.fault(operation="make", kind="reset_after", times=1)
    call_id = await lost(fleet, front, to)
    call = await reaches(front, call_id, "ended", seconds=40)
    [dialled] = await strangers.dialled(to)
    assert (call["outcome"], call["reason"]["code"]) == (outcome, "session")
    assert dialled["telephonySessionId"] in call["reason"]["message"]
    last = (await evidence(front, call_id))[-1]
    assert (last.source, last.told) == (Source.SESSION, Told.OVER)
    assert last.session_id == dialled["telephonySessionId"]


@pytest.mark.parametrize(("to", "outcome"), [(BUSY, "busy"), ("+16505550111", "no_answer")])
async def test_a_vanished_call_ends_with_what_its_session_shows_at_once(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, to: str, outcome: str
) -> None:
    await simulated.tune(scope=f"{SCOPE} CallControl", retention=0, **NO_LOG)
    fleet.worker()
    call = await reaches(front, call_id := await accept(front, to), "ended")
    assert (call["outcome"], call["reason"]["code"]) == (outcome, "session")
    said = await evidence(front, call_id)
    assert [(one.source, one.told) for one in said] == [(Source.SESSION, Told.OVER)]


async def test_a_missing_permission_is_found_out_once(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(retention=0)
    fleet.worker()
    first = await accept(front, BUSY)
    await reaches(front, first, "ended", seconds=40)
    others = [await accept(front, f"+1{area}5550110") for area in (205, 212, 650)]
    for one in others:
        call = await reaches(front, one, "ended", seconds=40)
        assert (call["outcome"], call["reason"]["code"]) == ("busy", "call_log")
    assert (await asked(simulated))["session"] == 1


@pytest.mark.parametrize("how", [{}, {"ids_equal": False, "scope": f"{SCOPE} CallControl"}])
async def test_a_second_inbound_call_beside_the_ring_out_is_not_taken_for_it(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, how: dict[str, Any]
) -> None:
    await simulated.tune(phantom_inbound=True, leg1_ring=60, **NO_LOG, **how)
    await simulated.fault(operation="make", kind="reset_after", times=1)
    call_id = await lost(fleet, front, TALKS)

    async def is_known() -> str | None:
        said = [one for one in await evidence(front, call_id) if one.told is Told.PLACED]
        return said[-1].session_id if said else None

    session_id = await wait_until(is_known)
    [dialled] = await simulated.dialled(TALKS)
    assert session_id == dialled["telephonySessionId"]
    state = "unconfirmed" if how else "ringing"
    await reaches(front, call_id, state)


async def test_a_call_beyond_a_cap_is_found_where_alone_it_shows(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.tune(max_calls_per_extension=1, leg1_ring=600)
    fleet.worker()
    await reaches(front, await accept(front, BUSY), "ringing")
    await strangers.fault(operation="make", kind="reset_after", times=1)
    call = await reaches(front, await accept(front, TALKS), "ended", seconds=40)
    assert (call["outcome"], call["reason"]["code"]) == ("failed", "call_log")


async def test_calls_that_are_lost_together_share_what_presence_and_the_log_say(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.fault(operation="make", kind="reset_before", times=8)
    fleet.worker()
    ids = await asyncio.gather(*(accept(front, f"+1212555{n:04}") for n in range(8)))
    for one in ids:
        call = await reaches(front, one, "ended", seconds=40)
        assert (call["outcome"], call["reason"]["code"]) == ("failed", "not_placed")
    operations = await asked(strangers)
    assert operations["call-log"] <= 8
    assert operations["presence"] <= 14


async def test_a_cancel_of_a_lost_call_is_carried_out_when_its_session_is_known(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.tune(scope=f"{SCOPE} CallControl", leg1_ring=600, **NO_LOG)
    await strangers.fault(operation="make", kind="reset_after", times=1)
    call_id = await lost(fleet, front, TALKS)
    await reaches(front, call_id, "unconfirmed")
    await front.service.cancel(HOUSE, "~", "~", call_id)
    call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")

    async def is_over() -> bool:
        [dialled] = await strangers.dialled(TALKS)
        return bool(dialled["state"] == "ended")

    assert await is_over()


async def test_a_cancel_of_a_lost_call_that_is_adopted_is_carried_out_then(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg1_ring=600, **NO_LOG)
    await simulated.fault(operation="make", kind="reset_after", times=1)
    call_id = await lost(fleet, front, TALKS)
    await reaches(front, call_id, "unconfirmed")
    await front.service.cancel(HOUSE, "~", "~", call_id)
    call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")
    assert (await shown(front, call_id))["ringoutId"] is not None


async def test_a_late_cancel_of_a_lost_call_is_carried_out_at_once(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.tune(scope=f"{SCOPE} CallControl", leg1_ring=600, **NO_LOG)
    await strangers.fault(operation="make", kind="reset_after", times=1)
    call_id = await lost(fleet, front, TALKS)

    async def is_seen() -> bool:
        return any(one.source is Source.SESSION for one in await evidence(front, call_id))

    await wait_until(is_seen)
    snapshot = (await front.service.cancel(HOUSE, "~", "~", call_id)).snapshot
    settled = await front.service.cancel_settled(snapshot, 10)
    assert settled.state.value == "ended"
    assert (await shown(front, call_id))["outcome"] == "cancelled"
