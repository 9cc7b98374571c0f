"""RingCentral away, Redis away, a process told to stop: nothing rings twice, nothing is lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.runtime import FrontEnd, front_end
from orchestrator.settings import load
from tests.harness.clients import accept, reaches, shown, told
from tests.harness.numbers import number as number_of
from tests.harness.processes import Fleet
from tests.harness.redis import RedisServer, free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE = "+16505550123"


async def test_without_ringcentral_calls_stay_queued_until_they_expire(
    fleet: Fleet, redis_url: str
) -> None:
    fleet.environment |= {
        "RC_SERVER_URL": f"http://127.0.0.1:{free_port()}",
        "RINGCENTRAL_API_KEY": "k",
    }
    fleet.worker()
    async with front_end(load(fleet.environment)) as front:
        call_id = await accept(front, CALLEE, expiresIn=2)
        other = await accept(front, CALLEE, expiresIn=30)
        call = await reaches(front, call_id, "ended")
        assert (call["outcome"], call["placedAt"]) == ("expired", None)
        assert [e["type"] for e in await told(front, call_id)] == ["call.queued", "call.ended"]
        assert (await shown(front, other))["state"] == "queued"


async def test_a_call_is_placed_when_ringcentral_is_back(
    fleet: Fleet, session: aiohttp.ClientSession, redis_url: str
) -> None:
    port = free_port()
    fleet.environment |= {
        "RC_SERVER_URL": f"http://127.0.0.1:{port}",
        "RINGCENTRAL_API_KEY": "simulator-key",
        "RINGOUT_CADENCE_FACTOR": "0.1",
    }
    fleet.worker()
    async with front_end(load(fleet.environment)) as front:
        ids = [await accept(front, CALLEE) for _ in range(5)]
        fleet.simulator(
            RINGOUT_SIMULATOR_PORT=str(port),
            RINGOUT_SIMULATOR_SPEED="10",
            RINGOUT_SIMULATOR_LIMITS="off",
        )
        for call_id in ids:
            assert (await reaches(front, call_id, "ended"))["outcome"] == "completed"
        dialled = await Simulated(session, fleet.environment["RC_SERVER_URL"]).dialled(CALLEE)
        assert len(dialled) == 5


async def test_cached_calls_are_read_while_ringcentral_is_away(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ringing", "connected")
    await simulated.fault(operation="any", kind="reset_before", times=None)
    assert (await shown(front, call_id))["id"] == call_id


@pytest.mark.parametrize("workers", [1, 3])
async def test_a_penalty_keeps_every_process_out(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, workers: int
) -> None:
    """Five calls use up what is allowed; those that come then wait, and are placed afterwards."""
    await simulated.tune(limits="heavy=5/3,light=1000/3,penalty=3")
    for _ in range(workers):
        fleet.worker()
    ids = []
    for _ in range(5):
        ids.append(await accept(front, CALLEE))
        await reaches(front, ids[-1], "ringing", "connected", "ended")
    ids += await asyncio.gather(*(accept(front, CALLEE) for _ in range(4)))
    assert (await shown(front, ids[-1]))["state"] == "queued"
    for call_id in ids:
        assert (await reaches(front, call_id, "ended", seconds=30))["outcome"] == "completed"
    stats = await simulated.stats()
    assert stats["requests_inside_penalty"] == 0
    assert len(await simulated.dialled(CALLEE)) == 9


async def test_a_refused_dial_is_made_again_after_the_penalty(
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
    fleet.worker()
    call_id = await accept(front, CALLEE)
    assert (await reaches(front, call_id, "ended"))["outcome"] == "completed"
    posts = [row for row in await simulated.requests() if row["operation"] == "make"]
    assert len(posts) == 2
    apart = posts[1]["received_monotonic_ns"] - posts[0]["received_monotonic_ns"]
    assert apart >= 0.99e9
    states = [event["state"] for event in await told(front, call_id)]
    assert states == sorted(
        states, key=["queued", "placing", "ringing", "connected", "ended"].index
    )


async def test_sigterm_finishes_the_request_and_takes_no_new_work(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    await simulated.fault(operation="make", kind="delay", ms=1500, times=1)
    worker = fleet.worker()
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "placing")
    ending = asyncio.create_task(asyncio.to_thread(worker.terminate))
    await wait_until(lambda: any("worker_draining" in line for line in worker.errors))
    later = await accept(front, CALLEE)
    assert await ending == 0
    assert (await shown(front, call_id))["state"] == "ringing"
    assert (await shown(front, later))["state"] == "queued"
    fleet.worker()
    assert (await reaches(front, later, "ended"))["outcome"] == "completed"
    assert (await reaches(front, call_id, "ended"))["outcome"] == "completed"
    assert len(await simulated.dialled(CALLEE)) == 2


async def test_an_idle_worker_stops_at_once(fleet: Fleet, simulated: Simulated) -> None:
    worker = fleet.worker()
    began = time.monotonic()
    assert worker.terminate() == 0
    assert time.monotonic() - began < 10


@pytest.fixture
def own_fleet(own_redis: RedisServer) -> Iterator[Fleet]:
    processes = Fleet({"REDIS_URL": own_redis.url, "RINGOUT_CADENCE_FACTOR": "0.1"})
    processes.simulator(RINGOUT_SIMULATOR_SPEED="10", RINGOUT_SIMULATOR_LIMITS="off")
    yield processes
    processes.close()


@pytest.fixture
async def own_front(own_fleet: Fleet) -> AsyncIterator[FrontEnd]:
    async with front_end(load(own_fleet.environment)) as connected:
        yield connected


async def test_redis_killed_and_restarted_loses_nothing_and_rings_nobody_twice(
    own_redis: RedisServer,
    own_fleet: Fleet,
    own_front: FrontEnd,
    session: aiohttp.ClientSession,
) -> None:
    simulated = Simulated(session, own_fleet.environment["RC_SERVER_URL"])
    workers = [own_fleet.worker(), own_fleet.worker()]
    await simulated.fault(operation="make", kind="delay", ms=400, times=None)
    numbers = [number_of(n) for n in range(60)]
    ids: list[str] = []
    for index, number in enumerate(numbers):
        while True:
            try:
                ids.append(await accept(own_front, number, key=f"key-{index}"))
                break
            except StorageUnavailable:
                await asyncio.to_thread(own_redis.start)
        if index in (20, 40):
            own_redis.kill()
    for call_id in ids:
        call = await reaches(own_front, call_id, "ended", seconds=60)
        assert call["outcome"] in ("completed", "unknown")
    dialled = [row["to"] for row in await simulated.dialled()]
    assert sorted(dialled) == sorted(set(dialled))
    assert [worker.code for worker in workers] == [None, None]
    completed = [(await shown(own_front, one))["outcome"] for one in ids].count("completed")
    assert completed == len(dialled)


async def test_sigterm_ends_a_worker_in_time_while_redis_is_frozen(
    own_redis: RedisServer,
    own_fleet: Fleet,
    own_front: FrontEnd,
    session: aiohttp.ClientSession,
) -> None:
    simulated = Simulated(session, own_fleet.environment["RC_SERVER_URL"])
    await simulated.fault(operation="make", kind="delay", ms=500, times=1)
    worker = own_fleet.worker()
    call_id = await accept(own_front, CALLEE)
    await reaches(own_front, call_id, "placing")
    own_redis.freeze()
    assert await asyncio.to_thread(worker.terminate, 30.0) in (0, 1)
    own_redis.thaw()


async def test_a_record_that_cannot_be_read_stops_nobody(
    own_fleet: Fleet, own_front: FrontEnd
) -> None:
    worker = own_fleet.worker()
    strange = await accept(own_front, "+16505550126")
    await reaches(own_front, strange, "connected")
    redis = own_front.backend.commands.redis
    key = "ringout:v1:{ringout}:call:" + strange
    await redis.execute_command("HSET", key, "document", '{"state":"parked"}')  # type: ignore[no-untyped-call]
    await wait_until(lambda: any("record_not_readable" in line for line in worker.errors))
    call_id = await accept(own_front, CALLEE)
    assert (await reaches(own_front, call_id, "ended"))["outcome"] == "completed"
    assert worker.code is None


async def test_without_redis_a_front_end_says_so_within_two_seconds(
    own_redis: RedisServer, own_front: FrontEnd
) -> None:
    call_id = await accept(own_front, CALLEE)
    for fault in (own_redis.freeze, own_redis.kill):
        fault()
        for attempt in (
            lambda: accept(own_front, CALLEE),
            lambda: shown(own_front, call_id),
            lambda: own_front.service.cancel(HOUSE, "~", "~", call_id),
        ):
            began = time.monotonic()
            with pytest.raises(StorageUnavailable) as away:
                await attempt()
            assert time.monotonic() - began < 2.0
            assert away.value.retry_after > 0


async def test_who_was_told_503_is_not_called_when_redis_wakes_up(
    own_redis: RedisServer, own_fleet: Fleet, own_front: FrontEnd
) -> None:
    await accept(own_front, CALLEE)
    own_redis.freeze()
    frozen_at = time.monotonic()
    with pytest.raises(StorageUnavailable):
        await accept(own_front, "+16505550126")
    await wait_until(lambda: time.monotonic() - frozen_at > 3.0)
    own_redis.thaw()
    redis = own_front.backend.commands.redis
    await wait_until(redis.ping)
    assert await redis.zcard("ringout:v1:{ringout}:calls") == 1
