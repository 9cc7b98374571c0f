"""Calls from accept to end, as the simulator plays them and as the event stream tells them."""

import json

import pytest

from orchestrator.runtime import FrontEnd
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated

ENDINGS = [
    ("+16505550123", "completed", None),
    ("+16505550110", "busy", "callee.Busy"),
    ("+16505550111", "no_answer", "callee.NoAnswer"),
    ("+16505550112", "rejected", "callee.Rejected"),
    ("+16505550113", "no_answer", "caller.NoAnswer"),
    ("+16505550114", "busy", "caller.Busy"),
    ("+16505550116", "failed", "caller.GenericError"),
    ("+16505550117", "blocked", None),
    ("+16505550118", "blocked", "callee.InternationalDisabled"),
    ("+16505550119", "blocked", "callee.DestinationBlocked"),
    ("+16505550120", "blocked", "callee.NotEnoughFunds"),
    ("+16505550122", "rejected", "callee.Rejected"),
    ("+16505550124", "completed", None),
    ("+16505550125", "completed", None),
    ("+16505550130", "blocked", "TEL-101"),
    ("+16505550132", "blocked", "BIL-103"),
]


async def test_every_ending_is_told_once_and_in_order(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    fleet.worker()
    ids = [await accept(front, to, clientReference=to[-4:]) for to, _, _ in ENDINGS]
    for call_id, (to, outcome, code) in zip(ids, ENDINGS, strict=True):
        call = await reaches(front, call_id, "ended")
        assert call["outcome"] == outcome, to
        if code is not None:
            assert call["reason"]["code"] == code, to
        events = await told(front, call_id)
        sequences = [int(event["sequence"]) for event in events]
        assert sequences == list(range(1, len(events) + 1)), to
        assert [event["type"] for event in events].count("call.ended") == 1
        assert json.loads(events[-1]["data"]) == call
        assert len(await simulated.dialled(to)) <= 1


async def test_a_call_gone_before_it_was_seen_over_is_found_in_the_call_log(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    call_id = await accept(front, "+16505550127")
    call = await reaches(front, call_id, "ended", seconds=30)
    assert (call["outcome"], call["reason"]["code"]) == ("busy", "call_log")


async def test_a_call_that_no_source_knows_any_more_ends_unknown(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.fault(
        operation="call-log", kind="status", times=None, status=503, errorCode="CMN-211"
    )
    fleet.worker(RINGOUT_CADENCE_FACTOR="0.02")
    call_id = await accept(front, "+16505550127")
    call = await reaches(front, call_id, "ended", seconds=40)
    assert call["outcome"] == "unknown"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset_after"},
        {"kind": "truncated"},
        {"kind": "broken_off"},
        {"kind": "dialled_status", "status": 500},
        {"kind": "dialled_status", "status": 504, "body": "html"},
        {"kind": "dialled_status", "status": 502, "body": "empty"},
        {"kind": "status", "status": 503, "errorCode": "CMN-201"},
        {"kind": "status", "status": 429, "errorCode": "CMN-304"},
        {"kind": "reset_before"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
async def test_a_lost_answer_never_rings_twice_and_ends_in_the_truth(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, fault: dict[str, object]
) -> None:
    await simulated.fault(operation="make", times=1, **fault)
    fleet.worker()
    call_id = await accept(front, "+16505550110")
    await reaches(front, call_id, "unconfirmed", "ringing", "ended")
    call = await reaches(front, call_id, "ended", seconds=40)
    dialled = await simulated.dialled("+16505550110")
    assert len(dialled) <= 1
    assert call["outcome"] == ("busy" if dialled else "failed")
    posts = [row for row in await simulated.requests() if row["operation"] == "make"]
    assert len(posts) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_look_that_fails_is_made_again(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, status: int
) -> None:
    await simulated.fault(operation="status", kind="status", status=status, times=3)
    fleet.worker()
    call_id = await accept(front, "+16505550123")
    assert (await reaches(front, call_id, "ended"))["outcome"] == "completed"


async def test_two_lost_calls_that_cannot_be_told_apart_are_not_guessed(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.fault(operation="make", kind="reset_after", times=1)
    await simulated.fault(operation="make", kind="reset_before", times=1)
    fleet.worker()
    ids = [await accept(front, "+16505550126") for _ in range(2)]
    outcomes = [(await reaches(front, one, "ended", seconds=40))["outcome"] for one in ids]
    assert outcomes == ["unknown", "unknown"]
    assert len(await simulated.dialled("+16505550126")) == 1


async def test_a_call_is_shown_with_its_numbers_masked(front: FrontEnd) -> None:
    call_id = await accept(front, "+16505550123", callerId={"phoneNumber": "+16505550199"})
    text = json.dumps([await shown(front, call_id), await told(front, call_id)])
    assert "5550123" not in text
    assert "5550100" not in text
    assert "5550199" not in text
