"""The rate budget, by processes against a simulator that counts as RingCentral does."""

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from tests.harness.clients import accept, reaches, shown
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated


async def _answers(simulated: Simulated) -> dict[str, int]:
    stats = await simulated.stats()
    return {
        "refused": stats["requests_limited"],
        "inside_penalty": stats["requests_inside_penalty"],
    }


async def test_a_burst_leaves_in_order_and_never_meets_a_limit(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(limits="heavy=5/3,light=30/3,penalty=6", talk=1)
    fleet.worker()
    fleet.worker()
    numbers = [f"+1202555{number:04}" for number in range(20)]
    ids = [await accept(front, to, expiresIn=120) for to in numbers]
    calls = [await reaches(front, call_id, "ended", seconds=60) for call_id in ids]
    assert {call["outcome"] for call in calls} == {"completed"}
    assert await _answers(simulated) == {"refused": 0, "inside_penalty": 0}
    dialled = [row["to"] for row in await simulated.dialled()]
    # Those that leave within one moment may overtake each other on their way.
    moved = [abs(numbers.index(to) - place) for place, to in enumerate(dialled)]
    assert max(moved) <= 4, dialled


async def test_a_waiting_call_says_its_position_and_when_it_may_start(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(limits="heavy=3/30,light=50/60")
    fleet.worker()
    ids = [await accept(front, f"+1202555{number:04}", expiresIn=100) for number in range(6)]

    for call_id in ids[:2]:
        await reaches(front, call_id, "ringing", "connected", "ended", seconds=20)
    call = await shown(front, ids[-1])
    assert call["state"] == "queued"
    assert call["queue"]["position"] == 4
    await front.service.cancel(HOUSE, "~", "~", ids[2])
    assert (await shown(front, ids[-1]))["queue"]["position"] == 3
