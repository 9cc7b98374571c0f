"""Lost answers where a ring-out's id is not its session's: RingCentral promises no link."""

import asyncio

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from tests.harness.clients import CALLER, accept, reaches
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated

CALLEE = "+16505550110"


@pytest.fixture
async def strangers(simulated: Simulated) -> Simulated:
    """A simulator whose ring-outs and sessions have ids of their own."""
    await simulated.tune(ids_equal=False)
    return simulated


async def test_a_lost_call_is_known_by_what_the_call_log_shows(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.fault(operation="make", kind="reset_after", times=1)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    call = await reaches(front, call_id, "ended", seconds=30)
    [dialled] = await strangers.dialled(CALLEE)
    assert (call["outcome"], call["reason"]["code"]) == ("busy", "call_log")
    assert dialled["telephonySessionId"] in call["reason"]["message"]


@pytest.mark.parametrize("other", ["same", "without a caller", "other spelling"])
async def test_a_lost_call_that_never_rang_does_not_take_another_s_session(
    fleet: Fleet, strangers: Simulated, front: FrontEnd, other: str
) -> None:
    await strangers.tune(default_from=CALLER)
    worker = fleet.worker()
    placed = await accept(front, CALLEE)
    await reaches(front, placed, "ringing", "ended")
    await strangers.fault(operation="make", kind="reset_before", times=1)
    body = {"to": {"phoneNumber": CALLEE}}
    if other != "without a caller":
        body["from"] = {"phoneNumber": CALLER}
    account = "400131425008" if other == "other spelling" else "~"
    lost = (await front.service.accept(HOUSE, Wish(parsed(body), account, "~"))).snapshot.id
    call = await reaches(front, lost, "ended", seconds=40)
    assert call["outcome"] == "unknown", worker.errors[-5:]
    assert len(await strangers.dialled(CALLEE)) == 1


async def test_two_lost_calls_of_which_one_rang_are_both_unknown(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    await strangers.fault(operation="make", kind="reset_after", times=1)
    await strangers.fault(operation="make", kind="reset_before", times=1)
    fleet.worker()
    ids = await asyncio.gather(*(accept(front, CALLEE) for _ in range(2)))
    outcomes = [(await reaches(front, one, "ended", seconds=40))["outcome"] for one in ids]
    assert outcomes == ["unknown", "unknown"]


async def test_a_call_seen_going_on_is_not_given_up_for_one_failing_look(
    fleet: Fleet, strangers: Simulated, front: FrontEnd
) -> None:
    """A talk of 200 simulated seconds: longer than the last planned moment of reconciliation."""
    await strangers.tune(talk=200)
    await strangers.fault(operation="make", kind="reset_after", times=1)
    fleet.worker()
    call_id = await accept(front, "+16505550123")
    await reaches(front, call_id, "unconfirmed")
    await strangers.fault(operation="active-calls", kind="status", status=503, times=2)
    call = await reaches(front, call_id, "ended", seconds=60)
    assert (call["outcome"], call["reason"]["code"]) == ("completed", "call_log")
