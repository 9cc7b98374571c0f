"""A worker's own port and its report, while things go wrong."""

import asyncio
import socket
from pathlib import Path

import aiohttp
import pytest

from orchestrator.runtime import FrontEnd
from orchestrator.storage.stats import Stats
from tests.harness.clients import accept, reaches
from tests.harness.processes import Fleet
from tests.harness.redis import RedisServer, free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE = "+16505550123"


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    try:
        async with session.get(url) as answer:
            await answer.read()
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0


async def _exposed(session: aiohttp.ClientSession, port: int) -> str:
    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        assert answer.status == 200
        return await answer.text()


def test_a_taken_port_exits_2_and_names_the_variable(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = fleet.command(
            "worker", RINGOUT_WORKER_METRICS_PORT=str(port), RINGCENTRAL_API_KEY="key"
        )
        assert second._process.wait(20) == 2
    second.terminate()
    (line,) = second.errors
    assert line.startswith("ringout: RINGOUT_WORKER_METRICS_PORT: ")


def test_an_address_that_is_none_exits_2_and_names_the_variable(fleet: Fleet) -> None:
    process = fleet.command(
        "worker",
        RINGOUT_WORKER_METRICS_HOST="no such host",
        RINGOUT_WORKER_METRICS_PORT=str(free_port()),
        RINGCENTRAL_API_KEY="key",
    )
    assert process._process.wait(20) == 2
    process.terminate()
    (line,) = process.errors
    assert line.startswith("ringout: RINGOUT_WORKER_METRICS_HOST: ")


async def test_a_worker_that_drains_says_so_and_is_gone_at_the_end(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, session: aiohttp.ClientSession
) -> None:
    stats = Stats(front.backend.commands)
    await simulated.fault(operation="make", kind="delay", ms=2000, times=1)
    port = free_port()
    worker = fleet.worker(RINGOUT_WORKER_METRICS_PORT=str(port))
    await wait_until(stats.workers)
    url = f"http://127.0.0.1:{port}/readyz"
    assert await _status(session, url) == 200
    await reaches(front, await accept(front, CALLEE), "placing")
    ending = asyncio.create_task(asyncio.to_thread(worker.terminate))

    async def says_so() -> bool:
        said = list((await stats.workers()).values())
        return [one["draining"] for one in said] == ["yes"] and said[0]["jobs"] == "1"

    await wait_until(says_so, seconds=2)
    assert await _status(session, url) == 503
    assert await ending == 0
    assert await stats.workers() == {}
    assert await _status(session, url) == 0


async def test_another_worker_counts_where_the_one_that_did_was_killed(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    stats = Stats(front.backend.commands)
    first = fleet.worker()
    before = await wait_until(stats.read)
    fleet.worker()
    await wait_until(lambda: _alive(stats, 2), seconds=12)
    first.kill()
    await wait_until(lambda: _alive(stats, 1), seconds=30)
    assert (await stats.read())["updatedAt"] > before["updatedAt"]


async def _alive(stats: Stats, workers: int) -> bool:
    return (await stats.read()).get("workersAlive") == str(workers)


@pytest.mark.parametrize("how", ["frozen", "killed"])
async def test_a_worker_without_redis_lives_is_not_ready_and_shows_metrics(
    tmp_path: Path, session: aiohttp.ClientSession, how: str
) -> None:
    redis = RedisServer(tmp_path / "redis")
    redis.start()
    fleet = Fleet({"REDIS_URL": redis.url, "RINGOUT_LOG_FORMAT": "json"})
    try:
        fleet.simulator()
        port = free_port()
        worker = fleet.worker(RINGOUT_WORKER_METRICS_PORT=str(port))
        await wait_until(lambda: _shows(session, port, "ringout_workers_alive 1.0"))
        (redis.freeze if how == "frozen" else redis.kill)()
        url = f"http://127.0.0.1:{port}"
        ready = asyncio.create_task(_status(session, f"{url}/readyz"))
        assert await _status(session, f"{url}/livez") == 200
        assert "ringout_stats_updated_timestamp_seconds" in await _exposed(session, port)
        assert await asyncio.wait_for(ready, 4) == 503
        (redis.thaw if how == "frozen" else redis.start)()
        await wait_until(lambda: _is_ready(session, url), seconds=20)
        assert worker.code is None
    finally:
        fleet.close()
        redis.kill()


async def _shows(session: aiohttp.ClientSession, port: int, text: str) -> bool:
    return text in await _exposed(session, port)


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    return await _status(session, f"{url}/readyz") == 200
