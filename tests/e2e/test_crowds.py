"""Many live calls of one extension: its presence is read, one request for all of them."""

from collections import Counter

import pytest

from orchestrator.runtime import FrontEnd
from tests.harness.clients import accept, reaches, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated

CALLS = 8
LIMITS = "heavy=100/6,medium=100/6,light=50/6,auth=100/6,penalty=6"
"""Fifty light requests a minute, as calls see it that go ten times as fast as life."""


async def _talked(fleet: Fleet, simulated: Simulated, front: FrontEnd) -> Counter[str]:
    """Eight calls at the same time, each told in order to its end; what RingCentral was asked."""
    fleet.worker(RINGOUT_PREFLIGHT="off", RINGOUT_NOTIFICATIONS="off")
    ids = [await accept(front, f"+1202555{number:04}") for number in range(CALLS)]
    for call_id in ids:
        call = await reaches(front, call_id, "ended", seconds=40)
        assert call["outcome"] == "completed"
        sequences = [int(event["sequence"]) for event in await told(front, call_id)]
        assert sequences == list(range(1, len(sequences) + 1))
    assert (await simulated.stats())["requests_limited"] == 0
    return Counter(row["operation"] for row in await simulated.requests())


@pytest.mark.parametrize("ids_equal", [True, False])
async def test_presence_says_which_of_them_has_moved(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, *, ids_equal: bool
) -> None:
    await simulated.tune(limits=LIMITS, talk=60, ids_equal=ids_equal)
    asked = await _talked(fleet, simulated, front)
    assert asked["presence"] > 5
    assert asked["status"] < 12 * CALLS


@pytest.mark.parametrize(
    "tuning",
    [{"scope": "RingOut"}, {"presence_calls": 3}, {"presence_lag": [2, 4]}],
    ids=["not allowed", "not all of them", "late"],
)
async def test_where_presence_does_not_show_a_call_its_status_is_read(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, tuning: dict[str, object]
) -> None:
    await simulated.tune(limits=LIMITS, talk=30, **tuning)
    asked = await _talked(fleet, simulated, front)
    assert asked["status"] >= 2 * CALLS


async def test_few_calls_are_looked_at_one_by_one(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.tune(limits=LIMITS)
    fleet.worker(RINGOUT_PREFLIGHT="off", RINGOUT_NOTIFICATIONS="off")
    ids = [await accept(front, f"+1202555{number:04}") for number in range(2)]
    for call_id in ids:
        await reaches(front, call_id, "ended")
    asked = Counter(row["operation"] for row in await simulated.requests())
    assert asked["presence"] == 0
