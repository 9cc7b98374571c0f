"""A cancel that comes too late for RingCentral's DELETE: the call's session is ended instead, where
the app may do that."""

from typing import Any

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from orchestrator.storage.evidence import EvidenceBook
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE = "+16505550126"
SCOPE = "ReadAccounts ReadCallLog ReadPresence RingOut"


@pytest.fixture(params=[True, False], ids=["ids equal", "ids of their own"])
async def allowed(request: pytest.FixtureRequest, simulated: Simulated) -> Simulated:
    """A simulator whose app has the CallControl permission."""
    await simulated.tune(scope=f"{SCOPE} CallControl", ids_equal=request.param, talk=600)
    return simulated


async def the_call(simulated: Simulated) -> dict[str, Any]:
    [dialled] = await simulated.dialled(CALLEE)
    return dialled


async def operations(simulated: Simulated) -> list[str]:
    wanted = {"cancel", "end-session"}
    rows = [row["operation"] for row in await simulated.requests()]
    return [one for one in rows if one in wanted]


async def cancelled(front: FrontEnd, call_id: str) -> dict[str, Any]:
    snapshot = (await front.service.cancel(HOUSE, "~", "~", call_id)).snapshot
    await front.service.cancel_settled(snapshot, 10)
    return await shown(front, call_id)


async def answered(front: FrontEnd, call_id: str) -> None:
    """Waits until the caller is known to have answered."""

    async def is_known() -> bool:
        return bool((await shown(front, call_id))["status"]["callerStatus"] == "Success")

    await wait_until(is_known)


async def test_a_conversation_is_ended(fleet: Fleet, allowed: Simulated, front: FrontEnd) -> None:
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "connected")
    call = await cancelled(front, call_id)
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")
    assert call["reason"]["code"] == "hung_up"
    assert call["connectedAt"] is not None
    assert (await the_call(allowed))["state"] == "ended"
    assert await operations(allowed) == ["end-session"]


async def test_a_call_whose_second_phone_rings_is_ended(
    fleet: Fleet, allowed: Simulated, front: FrontEnd
) -> None:
    await allowed.tune(leg2_ring=600)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await answered(front, call_id)
    call = await cancelled(front, call_id)
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")
    assert (await the_call(allowed))["state"] == "ended"
    assert await operations(allowed) == ["end-session"]


async def test_a_delete_that_did_not_stop_the_call_is_followed_by_its_session_s_end(
    fleet: Fleet, allowed: Simulated, front: FrontEnd
) -> None:
    """The first phone is answered, and nobody here has seen it yet."""
    await allowed.tune(leg1_ring=1, leg2_ring=600)
    await allowed.fault(operation="status", kind="status", status=503, times=None)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ringing")

    async def is_answered() -> bool:
        return bool((await the_call(allowed))["state"] == "ringing_callee")

    await wait_until(is_answered)
    snapshot = (await front.service.cancel(HOUSE, "~", "~", call_id)).snapshot
    await wait_until(lambda: _deleted(allowed))
    await allowed.no_faults()
    await front.service.cancel_settled(snapshot, 10)
    call = await shown(front, call_id)
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")
    assert (await the_call(allowed))["state"] == "ended"
    assert await operations(allowed) == ["cancel", "end-session"]


async def _deleted(simulated: Simulated) -> bool:
    return "cancel" in await operations(simulated)


async def test_an_end_that_is_not_answered_is_asked_for_again(
    fleet: Fleet, allowed: Simulated, front: FrontEnd
) -> None:
    await allowed.fault(operation="end-session", kind="reset_before", times=2)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "connected")
    call = await cancelled(front, call_id)
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")
    assert (await the_call(allowed))["state"] == "ended"


async def test_without_the_permission_a_ringing_second_phone_rings_on(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg2_ring=600)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await answered(front, call_id)
    call = await cancelled(front, call_id)
    assert (call["state"], call["cancel"]["outcome"]) == ("ringing", "too_late")
    assert (await the_call(simulated))["state"] == "ringing_callee"
    assert await operations(simulated) == ["cancel"]


async def test_another_call_of_the_same_two_is_never_ended(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    """Ids of their own, and two calls that presence cannot tell apart."""
    await simulated.tune(scope=f"{SCOPE} CallControl", ids_equal=False, talk=600)
    fleet.worker()
    first = await accept(front, CALLEE)
    second = await accept(front, CALLEE)
    for one in (first, second):
        await reaches(front, one, "connected")
    call = await cancelled(front, first)
    assert (call["state"], call["cancel"]["outcome"]) == ("connected", "too_late")
    assert await operations(simulated) == ["cancel"]
    said = await EvidenceBook(front.backend.commands).of(first)
    assert any(one.told == "ambiguous" for one in said)
    assert not [event for event in await told(front, second) if event["type"] == "call.ended"]
