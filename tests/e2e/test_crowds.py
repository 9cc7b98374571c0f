"""Many live calls of one extension: its presence is read, one request for all of them."""

from collections import Counter

import pytest

from orchestrator.domain.budget import Payer
from orchestrator.domain.errors import UpstreamGated
from orchestrator.runtime import FrontEnd, backend, upstream
from orchestrator.settings import Settings
from orchestrator.storage import keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from workers.context import Work
from workers.look import STATUS_PACE, Looker
from workers.main import work_with

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


async def _placed(fleet: Fleet, front: FrontEnd) -> list[dict[str, str]]:
    """Four calls that talk, and nobody looks at them any more."""
    worker = fleet.worker(RINGOUT_PREFLIGHT="off", RINGOUT_NOTIFICATIONS="off")
    ids = [await accept(front, f"+1202555{number:04}") for number in range(4)]
    talking = [await reaches(front, call_id, "connected") for call_id in ids]
    worker.terminate()
    return talking


async def _looked_at_all(work: Work, looker: Looker, commands: Commands) -> None:
    """Every live call once, whenever it is due."""
    for call_id in await commands.execute("ZRANGE", keys.LOOKS, 0, -1):
        await commands.execute("ZADD", keys.LOOKS, 0, call_id)
    for claimed in (await work.looks.claim(60_000, 10)).claimed:
        await looker.look(claimed)


async def _spend_all(budget: RedisBudget) -> None:
    """What a sixth of the window may take for statuses."""
    while True:
        await budget.spend(Payer(), "light", pace=STATUS_PACE)


async def test_a_call_that_has_changed_is_read_before_others(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, settings: Settings
) -> None:
    await simulated.tune(limits="light=500/60,heavy=100/60", talk=6000, presence_lag=[0, 0])
    first, *others = await _placed(fleet, front)
    async with backend(settings, WORKER) as parts, upstream(settings, parts.commands) as ways:
        work = work_with(settings, parts, ways)
        looker = Looker(work)
        for _ in range(3):
            await parts.commands.execute("DEL", keys.glance("~", "~", ""))
            await _looked_at_all(work, looker, parts.commands)
        await simulated.hang_up(first["ringoutId"])
        await parts.commands.execute("DEL", keys.glance("~", "~", ""))
        with pytest.raises(UpstreamGated):
            await _spend_all(work.budget)
        await _looked_at_all(work, looker, parts.commands)
    assert (await shown(front, first["id"]))["outcome"] == "completed"
    assert {(await shown(front, call["id"]))["state"] for call in others} == {"connected"}
