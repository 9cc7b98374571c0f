"""A worker is killed at each point of a placing: RingCentral is asked at most once, whatever dies.

The proxy between the worker and Redis, or the simulator's faults, hold the worker at the point;
then it gets SIGKILL and another takes over.
"""

import pytest

from orchestrator.runtime import FrontEnd
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.processes import Fleet
from tests.harness.proxy import proxied
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE = "+16505550123"


@pytest.fixture
def quick(fleet: Fleet) -> Fleet:
    """A fleet whose placing leases end soon."""
    fleet.environment["RINGOUT_UPSTREAM_TIMEOUT"] = "0.5"
    return fleet


async def _in_order(front: FrontEnd, call_id: str) -> list[str]:
    events = await told(front, call_id)
    assert [int(event["sequence"]) for event in events] == list(range(1, len(events) + 1))
    return [event["type"] for event in events]


async def test_killed_before_the_fence_the_call_is_placed_by_another(
    quick: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    async with proxied(simulated.url, "http") as silent:
        silent.hold_requests_with("GET /restapi/v1.0")
        worker = quick.worker(RC_SERVER_URL=silent.url)
        call_id = await accept(front, CALLEE)
        await wait_until(silent.held.is_set)
        assert (await shown(front, call_id))["state"] == "queued"
        worker.kill()
    quick.worker()
    call = await reaches(front, call_id, "ended")
    assert call["outcome"] == "completed"
    assert len(await simulated.dialled(CALLEE)) == 1


async def test_killed_after_the_fence_the_call_is_never_placed_and_that_is_found_out(
    quick: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    async with proxied(quick.environment["REDIS_URL"]) as redis:
        redis.hold_replies_after("call.placing")
        worker = quick.worker(REDIS_URL=redis.url)
        call_id = await accept(front, CALLEE)
        await reaches(front, call_id, "placing")
        worker.kill()
    quick.worker()
    await _lease_ends(front, call_id)
    call = await reaches(front, call_id, "ended", seconds=45)
    assert (call["outcome"], call["reason"]["code"]) == ("failed", "not_placed")
    assert await simulated.dialled(CALLEE) == []
    kinds = await _in_order(front, call_id)
    assert kinds == ["call.queued", "call.placing", "call.unconfirmed", "call.ended"]


@pytest.mark.parametrize(("fault", "dials"), [("hang_before", 0), ("hang_after", 1)])
async def test_killed_during_the_post_it_is_found_out_whether_the_call_was_placed(
    quick: Fleet, simulated: Simulated, front: FrontEnd, fault: str, dials: int
) -> None:
    await simulated.fault(operation="make", kind=fault, times=1)
    worker = quick.worker(RINGOUT_UPSTREAM_TIMEOUT="20")
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "placing")

    async def has_posted() -> bool:
        return any(row["operation"] == "make" for row in await simulated.requests())

    await wait_until(has_posted)
    worker.kill()
    quick.worker()
    await _lease_ends(front, call_id)
    call = await reaches(front, call_id, "ended", seconds=45)
    assert len(await simulated.dialled(CALLEE)) == dials
    assert call["outcome"] == ("completed" if dials else "failed")
    assert (call["ringoutId"] is not None) == bool(dials)
    await _in_order(front, call_id)


async def test_killed_before_the_record_the_call_is_found_again(
    quick: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    async with proxied(quick.environment["REDIS_URL"]) as redis:
        redis.hold_requests_with("call.ringing")
        worker = quick.worker(REDIS_URL=redis.url)
        call_id = await accept(front, CALLEE)
        await wait_until(redis.held.is_set)
        assert len(await simulated.dialled(CALLEE)) == 1
        worker.kill()
    quick.worker()
    await _lease_ends(front, call_id)
    call = await reaches(front, call_id, "ended", seconds=45)
    assert call["outcome"] == "completed"
    dialled = await simulated.dialled(CALLEE)
    assert [row["id"] for row in dialled] == [call["ringoutId"]]
    assert "call.unconfirmed" in await _in_order(front, call_id)


async def test_killed_after_the_record_before_it_knows_nothing_is_asked_again(
    quick: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    async with proxied(quick.environment["REDIS_URL"]) as redis:
        redis.hold_replies_after("call.ringing")
        worker = quick.worker(REDIS_URL=redis.url)
        call_id = await accept(front, CALLEE)
        await reaches(front, call_id, "ringing")
        worker.kill()
    quick.worker()
    call = await reaches(front, call_id, "ended", seconds=45)
    assert call["outcome"] == "completed"
    assert len(await simulated.dialled(CALLEE)) == 1
    assert "call.unconfirmed" not in await _in_order(front, call_id)


async def test_killed_after_the_record_another_worker_follows(
    quick: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(talk=60)
    worker = quick.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "connected")
    worker.kill()
    quick.worker()
    call = await reaches(front, call_id, "ended", seconds=30)
    assert call["outcome"] == "completed"
    assert len(await simulated.dialled(CALLEE)) == 1


async def _lease_ends(front: FrontEnd, call_id: str) -> None:
    """Moves the placing lease to its end, which the long time-out of the dead worker set."""
    redis = front.backend.commands.redis
    await redis.zadd("ringout:v1:{ringout}:placings", {call_id: 1}, xx=True)
