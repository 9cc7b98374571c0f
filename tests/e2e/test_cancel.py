"""Cancelling: before the fence nothing is ever placed; after it, what happened is told."""

import asyncio
import random
from collections import Counter

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.numbers import number as number_of
from tests.harness.processes import Fleet
from tests.harness.proxy import proxied
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE = "+16505550126"


async def test_a_queued_call_is_cancelled_there_and_then(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    call_id = await accept(front, CALLEE)
    cancelled = await front.service.cancel(HOUSE, "~", "~", call_id)
    assert not cancelled.was_over
    call = await shown(front, call_id)
    assert (call["state"], call["outcome"]) == ("ended", "cancelled")
    assert call["cancel"]["outcome"] == "cancelled"
    assert (await front.service.cancel(HOUSE, "~", "~", call_id)).was_over
    fleet.worker()
    later = await accept(front, "+16505550110")
    await reaches(front, later, "ended")
    assert await simulated.dialled(CALLEE) == []
    assert [event["type"] for event in await told(front, call_id)] == ["call.queued", "call.ended"]


async def test_a_ringing_call_is_torn_down(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg1_ring=60)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ringing")
    snapshot = (await front.service.cancel(HOUSE, "~", "~", call_id)).snapshot
    await front.service.cancel(HOUSE, "~", "~", call_id)
    settled = await front.service.cancel_settled(snapshot, 10)
    assert settled.state.value == "ended"
    call = await shown(front, call_id)
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")
    kinds = [event["type"] for event in await told(front, call_id)]
    assert kinds.count("call.cancel_requested") == 1
    deletes = [row for row in await simulated.requests() if row["operation"] == "cancel"]
    assert len(deletes) == 1


async def test_a_connected_call_goes_on_and_the_cancel_says_too_late(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "connected")
    snapshot = (await front.service.cancel(HOUSE, "~", "~", call_id)).snapshot
    await front.service.cancel_settled(snapshot, 10)
    call = await shown(front, call_id)
    assert (call["state"], call["cancel"]["outcome"]) == ("connected", "too_late")


async def test_a_cancel_during_the_post_is_carried_out_when_the_answer_is_there(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg1_ring=60)
    await simulated.fault(operation="make", kind="delay", ms=700, times=1)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "placing")
    assert (await front.service.cancel(HOUSE, "~", "~", call_id)).snapshot.state.value == "placing"
    call = await reaches(front, call_id, "ended")
    assert (call["outcome"], call["cancel"]["outcome"]) == ("cancelled", "cancelled")


async def test_a_cancel_during_a_post_that_is_turned_away_is_never_placed(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.fault(
        operation="make",
        kind="status",
        status=429,
        errorCode="CMN-301",
        headers={"Retry-After": "1"},
        times=1,
    )
    async with proxied(simulated.url, "http") as slow:
        slow.hold_replies_after("POST /restapi")
        fleet.worker(RC_SERVER_URL=slow.url)
        call_id = await accept(front, CALLEE)
        await wait_until(slow.held.is_set)
        await front.service.cancel(HOUSE, "~", "~", call_id)
        slow.let_go()
        call = await reaches(front, call_id, "ended")
        assert (call["outcome"], call["placedAt"]) == ("cancelled", None)
        later = await accept(front, "+16505550110")
        await reaches(front, later, "ended")
    assert await simulated.dialled(CALLEE) == []


async def test_a_delete_that_fails_is_made_again(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg1_ring=60)
    await simulated.fault(operation="cancel", kind="status", status=502, times=2)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ringing")
    await front.service.cancel(HOUSE, "~", "~", call_id)
    assert (await reaches(front, call_id, "ended"))["outcome"] == "cancelled"


async def test_a_ring_out_that_was_not_made_here_is_cancelled_too(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg1_ring=60)
    fleet.worker()
    call_id = await accept(front, CALLEE)
    ringout_id = (await reaches(front, call_id, "ringing"))["ringoutId"]
    redis = front.backend.commands.redis
    await redis.delete("ringout:v1:{ringout}:ringout:" + ringout_id)
    snapshot = (await front.service.cancel(HOUSE, "~", "~", ringout_id)).snapshot
    assert snapshot.id != call_id
    await front.service.cancel_settled(snapshot, 10)
    assert (await shown(front, snapshot.id))["outcome"] == "cancelled"


async def test_cancel_against_place_a_thousand_times(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(leg1_ring=0.2, leg2_ring=0.1, talk=0.2)
    fleet.worker()
    fleet.worker()
    chance = random.Random(7)  # noqa: S311 - the same interleavings each time

    async def race(number: int) -> str:
        call_id = await accept(front, number_of(number))
        await asyncio.sleep(chance.choice((0, 0, 0.001, 0.002, 0.003, 0.004, 0.006)))
        await front.service.cancel(HOUSE, "~", "~", call_id)
        return call_id

    ids: list[str] = []
    for start in range(0, 1000, 25):
        ids += await asyncio.gather(*(race(start + n) for n in range(25)))
    ended = [await reaches(front, call_id, "ended", seconds=30) for call_id in ids]
    dials = Counter(row["to"] for row in await simulated.dialled())
    for number, call in enumerate(ended):
        count = dials[number_of(number)]
        if call["placedAt"] is None:
            assert (count, call["outcome"]) == (0, "cancelled")
        else:
            assert count == 1
    never = sum(call["placedAt"] is None for call in ended)
    assert 0 < never < len(ended), "the race had one winner only; it tested nothing"
