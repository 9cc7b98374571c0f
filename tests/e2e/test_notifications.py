"""RingCentral's notifications by WebSocket: seen at once where they come, and nothing lost where
they do not."""

from functools import partial

import pytest

from orchestrator.domain import calls
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.evidence import Sighting
from orchestrator.runtime import FrontEnd, now
from orchestrator.storage import keys
from orchestrator.storage.feeds import Feeds
from tests.e2e.notifications_kit import (
    QUICK,
    RARELY,
    SCOPE,
    SOON_S,
    asked,
    conversation,
    drop,
    feed,
    hang_up,
    sockets,
    stands,
    subscriptions,
)
from tests.harness.clients import accept, reaches, told
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until


@pytest.fixture(params=[True, False], ids=["ids equal", "ids of their own"])
async def telling(request: pytest.FixtureRequest, simulated: Simulated) -> Simulated:
    """A simulator whose app may be told of everything."""
    await simulated.tune(scope=SCOPE, ids_equal=request.param, **QUICK)
    return simulated


async def test_what_happens_is_seen_by_notices(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    fleet.worker(**RARELY)
    await stands(front, "listening")
    call_id = await conversation(front)
    read = await asked(telling, "status")
    await hang_up(telling)
    call = await reaches(front, call_id, "ended", seconds=SOON_S)
    assert call["outcome"] == "completed"
    assert await asked(telling, "status") <= read + 2
    assert (await feed(front))["lastEvent"] >= call["acceptedAt"]


async def test_what_was_told_of_and_could_not_be_read_is_read_soon(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    fleet.worker(**RARELY)
    await stands(front, "listening")
    call_id = await conversation(front)
    await telling.fault(operation="status", kind="status", status=503, times=3)
    await hang_up(telling)
    await reaches(front, call_id, "ended", seconds=SOON_S)


async def _is_next_look_after(front: FrontEnd, call_id: str, wait: int) -> bool:
    """Whether the next look is more than `wait` milliseconds away. A look under way stands there
    with the end of its lease, which has thousandths."""
    redis = front.backend.commands
    seconds, _ = await redis.execute("TIME")
    due = float(await redis.execute("ZSCORE", keys.LOOKS, call_id))
    return due == int(due) and due - 1000 * (int(seconds) + 1) > wait


async def _is_sighted(front: FrontEnd, call_id: str) -> None:
    """Presence shows the call as it was, to everyone who asks within the next 20 s."""
    call = (await front.backend.store.change(call_id, _as_connected)).record.call
    sighting = Sighting(call.session_id or "", "CallConnected", now(), frozenset())

    async def presence() -> list[Sighting]:
        return [sighting]

    await front.service.glances.presence("~", "~", presence, 20_000)


def _as_connected(call: Call) -> Change | None:
    return calls.sighted(call, now(), call.session_id or call.ringout_id or "", "CallConnected")


async def test_of_many_calls_the_one_that_was_told_of_is_read(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    """Where several are live, presence is asked instead, and an answer of it is shared for long:
    not with a call that was told of since it was read."""
    await telling.tune(limits="heavy=100/60,medium=100/60,light=51/60,auth=60/60,penalty=60")
    fleet.worker(**RARELY)
    await stands(front, "listening")
    numbers = [f"+1650555{number:04}" for number in range(5000, 5004)]
    ids = [await conversation(front, number) for number in numbers]
    await _is_sighted(front, ids[0])
    await hang_up(telling, numbers[0])
    await reaches(front, ids[0], "ended", seconds=SOON_S)


async def test_looks_are_rare_while_notices_come(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    fleet.worker(RINGOUT_NOTIFICATIONS="websocket", RINGOUT_CADENCE_FACTOR="1")
    await stands(front, "listening")
    call_id = await conversation(front)
    await wait_until(partial(_is_next_look_after, front, call_id, 8_000))


async def test_the_customer_s_answer_is_seen_though_nothing_tells_of_it(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    """As often as without notifications: that they come does not put off this look."""
    await simulated.tune(scope=SCOPE, **{**QUICK, "target_leg": "suppress", "leg2_ring": 150})
    fleet.worker(RINGOUT_NOTIFICATIONS="websocket", RINGOUT_CADENCE_FACTOR="0.5")
    await stands(front, "listening")
    call_id = await conversation(front, seconds=25)
    await hang_up(simulated)
    await reaches(front, call_id, "ended", seconds=SOON_S)
    assert await asked(simulated, "status") > 14


async def test_every_notice_is_lost_and_looks_see_the_call(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    await telling.tune(notice_loss=1)
    fleet.worker(RINGOUT_NOTIFICATIONS="websocket", RINGOUT_CADENCE_FACTOR="0.1")
    await stands(front, "listening")
    call_id = await conversation(front)
    await hang_up(telling)
    call = await reaches(front, call_id, "ended")
    assert call["outcome"] == "completed"

    async def is_suspect() -> bool:
        return (await feed(front)).get("suspect") == call_id

    await wait_until(is_suspect)
    [one] = await subscriptions(telling)
    assert one["delivered"] == 0


async def test_a_feed_in_doubt_is_not_relied_on(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    """It missed the end of one call: the next is looked at as often as without it."""
    await telling.tune(notice_loss=1)
    fleet.worker(RINGOUT_NOTIFICATIONS="websocket", RINGOUT_CADENCE_FACTOR="0.5")
    await stands(front, "listening")
    call_id = await conversation(front)
    await hang_up(telling)
    await reaches(front, call_id, "ended")

    async def is_in_doubt() -> bool:
        standing = await Feeds(front.backend.commands).standing("default")
        return standing.missed is not None and standing.missed > 2_500

    await wait_until(is_in_doubt)
    before = await asked(telling, "status")
    await conversation(front)

    async def is_looked_at_often() -> bool:
        return await asked(telling, "status") >= before + 6

    await wait_until(is_looked_at_often, SOON_S)


async def test_notices_late_doubled_and_out_of_order_tell_each_change_once(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    await telling.tune(notice_lag=[0, 3], notice_duplicates=1, notice_shuffle=0.7, notice_hold=5)
    fleet.worker(RINGOUT_NOTIFICATIONS="websocket", RINGOUT_CADENCE_FACTOR="0.1")
    await stands(front, "listening")
    ids = [await accept(front, f"+1650555{number:04}") for number in range(5000, 5004)]
    for call_id in ids:
        await reaches(front, call_id, "connected")
    for number in range(5000, 5004):
        await hang_up(telling, f"+1650555{number:04}")
    for call_id in ids:
        await reaches(front, call_id, "ended")
        events = await told(front, call_id)
        assert [int(one["sequence"]) for one in events] == list(range(1, len(events) + 1))
        kinds = [one["type"] for one in events]
        assert (kinds.count("call.connected"), kinds.count("call.ended")) == (1, 1)


@pytest.mark.parametrize("forget", [False, True], ids=["recovered", "subscribed anew"])
async def test_a_connection_that_broke_is_made_again_and_nothing_is_missed(
    fleet: Fleet, telling: Simulated, front: FrontEnd, forget: bool
) -> None:
    """The end comes while there is none: it is sent when it is back, or looked for."""
    fleet.worker(**RARELY)
    since = (await stands(front, "listening"))["since"]
    call_id = await conversation(front)
    [before] = await subscriptions(telling)
    await telling.fault(operation="wstoken", kind="status", status=503, times=1)
    await drop(telling, forget=forget)
    await hang_up(telling)
    await reaches(front, call_id, "ended", seconds=SOON_S)
    after = await subscriptions(telling)
    assert ([one["id"] for one in after] == [before["id"]]) is not forget
    assert (await stands(front, "listening"))["since"] > since


async def test_another_worker_listens_where_one_was_killed(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    await telling.tune(retention=6000)
    first = fleet.worker(**RARELY)
    await stands(front, "listening")
    fleet.worker(**RARELY)
    call_id = await conversation(front)
    first.kill()
    await hang_up(telling)
    await reaches(front, call_id, "ended", seconds=40)

    async def is_listened_to() -> bool:
        return await sockets(telling) == 1

    await wait_until(is_listened_to, 40)
    assert await asked(telling, "subscribe") == 2


async def test_a_worker_that_ends_gives_the_feed_back(
    fleet: Fleet, telling: Simulated, front: FrontEnd
) -> None:
    worker = fleet.worker(**RARELY)
    await stands(front, "listening")
    assert worker.terminate() == 0
    assert (await feed(front))["detail"] == "given_back"
    assert await Feeds(front.backend.commands).unheld(["default"]) == ["default"]

    async def is_closed() -> bool:
        return await sockets(telling) == 0

    await wait_until(is_closed)


@pytest.mark.parametrize("missing", ["WebSocketsSubscription", "CallControl"])
async def test_without_a_permission_calls_are_looked_at(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, missing: str
) -> None:
    await simulated.tune(scope=SCOPE.replace(missing, ""), **QUICK)
    worker = fleet.worker(RINGOUT_NOTIFICATIONS="websocket")
    assert (await stands(front, "refused"))["detail"] in ("CMN-401", "SUB-412")
    call_id = await conversation(front)
    await hang_up(simulated)
    await reaches(front, call_id, "ended")
    assert await asked(simulated, "wstoken") == 1
    assert sum("notifications_refused" in line for line in worker.lines + worker.errors) == 1


async def test_off_asks_for_nothing(fleet: Fleet, telling: Simulated, front: FrontEnd) -> None:
    fleet.worker()
    call_id = await conversation(front)
    await hang_up(telling)
    await reaches(front, call_id, "ended")
    assert await asked(telling, "wstoken") == 0
    assert await feed(front) == {}
