"""Many live calls of one extension: its presence is read, one request for all of them."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from orchestrator.domain import calls
from orchestrator.domain.budget import Payer
from orchestrator.domain.cadence import next_look
from orchestrator.domain.errors import UpstreamGated
from orchestrator.runtime import FrontEnd, backend, now, upstream
from orchestrator.settings import Settings
from orchestrator.storage import keys
from orchestrator.storage.connection import WORKER, Commands
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from workers.context import Work
from workers.look import PRESENCE_PACE, RINGING, ROUTINE_PACE, Looker
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


@dataclass(frozen=True)
class Looks:
    """A looker that looks when a test says so, whatever is due."""

    work: Work
    looker: Looker
    commands: Commands

    async def at_all(self, *, anew: bool = True) -> None:
        """Every live call once, with presence asked anew or as it is shared."""
        if anew:
            await self.commands.execute("DEL", keys.glance("~", "~", ""))
        for call_id in await self.commands.execute("ZRANGE", keys.LOOKS, 0, -1):
            await self.commands.execute("ZADD", keys.LOOKS, 0, call_id)
        for claimed in (await self.work.looks.claim(60_000, 10)).claimed:
            await self.looker.look(claimed)

    async def spend_all(self, pace: float) -> None:
        """All that a sixth of the window may take at a pace."""
        with pytest.raises(UpstreamGated):
            await self._spend(pace)

    async def _spend(self, pace: float) -> None:
        while True:
            await self.work.budget.spend(Payer(), "light", pace=pace)


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncIterator[Looks]:
    async with backend(settings, WORKER) as parts, upstream(settings, parts.commands) as ways:
        work = work_with(settings, parts, ways)
        yield Looks(work, Looker(work), parts.commands)


ROOM = {"limits": "light=500/60,heavy=100/60", "talk": 6000, "presence_lag": [0, 0]}


async def test_a_call_that_has_changed_is_read_before_others(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, settings: Settings
) -> None:
    await simulated.tune(**ROOM)
    first, *others = await _placed(fleet, front)
    async with _looking(settings) as looks:
        for _ in range(3):
            await looks.at_all()
        await simulated.hang_up(first["ringoutId"])
        await looks.spend_all(ROUTINE_PACE)
        await looks.at_all()
    assert (await shown(front, first["id"]))["outcome"] == "completed"
    assert {(await shown(front, call["id"]))["state"] for call in others} == {"connected"}


async def _statuses(simulated: Simulated) -> Counter[str]:
    """How often each ring-out was read."""
    rows = await simulated.requests()
    paths = [row["path"] for row in rows if row["operation"] == "status"]
    return Counter(path.rpartition("/")[2] for path in paths)


async def test_a_call_that_presence_hides_is_not_taken_for_changed_again_and_again(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, settings: Settings
) -> None:
    await simulated.tune(**ROOM)
    placed = await _placed(fleet, front)
    async with _looking(settings) as looks:
        for _ in range(3):
            await looks.at_all()
        await simulated.tune(presence_calls=1)
        await looks.spend_all(ROUTINE_PACE)
        before = await _statuses(simulated)
        for _ in range(5):
            await looks.at_all()
        read = await _statuses(simulated) - before
    *hidden, listed = placed
    assert read == {call["ringoutId"]: 2 for call in hidden}
    assert listed["ringoutId"] not in read


async def test_where_presence_may_not_be_asked_yet_no_status_is_read_in_its_place(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, settings: Settings
) -> None:
    await simulated.tune(**ROOM)
    await _placed(fleet, front)
    async with _looking(settings) as looks:
        for _ in range(3):
            await looks.at_all()
        await looks.spend_all(PRESENCE_PACE)
        before = await _statuses(simulated)
        await looks.at_all()
        assert await _statuses(simulated) == before


async def test_a_call_that_moved_and_could_not_be_read_is_read_as_soon_as_may_be(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, settings: Settings
) -> None:
    await simulated.tune(**ROOM)
    first, *_ = await _placed(fleet, front)
    async with _looking(settings) as looks:
        for _ in range(3):
            await looks.at_all()
        await looks.work.store.change(
            first["id"], lambda call: calls.sighted(call, now(), call.session_id or "", RINGING)
        )
        before = await _statuses(simulated)
        await looks.spend_all(0)
        await looks.at_all(anew=False)
        assert await _statuses(simulated) == before
        await looks.commands.execute("DEL", keys.spent("default", "light"))
        await looks.spend_all(ROUTINE_PACE)
        await looks.at_all(anew=False)
        assert await _statuses(simulated) - before == {first["ringoutId"]: 1}


async def test_of_an_answer_that_fails_the_next_look_is_no_sooner_than_usual(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, settings: Settings
) -> None:
    await simulated.tune(**ROOM)
    first, *_ = await _placed(fleet, front)
    slow = settings.model_copy(update={"cadence_factor": 10.0})
    async with _looking(slow) as looks:
        for _ in range(3):
            await looks.at_all()
        await simulated.hang_up(first["ringoutId"])
        await simulated.fault(operation="status", kind="status", status=503, times=1)
        await looks.at_all()
        seconds, _ = await looks.commands.execute("TIME")
        due = float(await looks.commands.execute("ZSCORE", keys.LOOKS, first["id"]))
    assert due - 1000 * (int(seconds) + 1) > next_look(0)
