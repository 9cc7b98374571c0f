"""Dispatch: a client sends its POST - RingCentral receives the request. On loopback, in ms."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.bench.house import SHORT_CALLS, House, house, percentiles, row
from tests.harness.numbers import number as number_of
from tests.harness.processes import Fleet
from tests.harness.redis import RedisServer, free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

IDLE_CALLS = 100
IDLE_GAP_S = 0.06
PER_SECOND = 300
SECONDS = 8
STOCK = [sys.executable, "-m", "tests.bench.stock"]


@asynccontextmanager
async def stock_house() -> AsyncIterator[House]:
    """The house of arq's defaults."""
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder) / "redis")
        redis.start()
        port = free_port()
        fleet = Fleet({"REDIS_URL": redis.url, "RINGOUT_REST_PORT": str(port)})
        try:
            fleet.simulator(RINGOUT_SIMULATOR_LIMITS="off")
            fleet.run([*STOCK, "rest"]).line_with("Running on")
            fleet.run([*STOCK, "worker"])
            async with aiohttp.ClientSession() as session:
                simulated = Simulated(session, fleet.environment["RC_SERVER_URL"])
                await simulated.tune(**SHORT_CALLS)
                yield House(fleet, redis, simulated, session, f"http://127.0.0.1:{port}")
        finally:
            fleet.close()
            redis.kill()


async def _post(one: House, to: str, sent: dict[str, int]) -> None:
    sent[to] = time.monotonic_ns()
    await one.accept(to)


async def _received(one: House, sent: dict[str, int], seconds: float) -> list[float]:
    async def complete() -> dict[str, int] | None:
        rows = await one.simulated.dialled()
        seen = {line["to"]: line["received_monotonic_ns"] for line in rows}
        return seen if sent.keys() <= seen.keys() else None

    seen = await wait_until(complete, seconds, every=0.5)
    return [(seen[to] - at) / 1e6 for to, at in sent.items()]


async def idle(one: House) -> list[float]:
    """One call at a time, with a pause."""
    for number in range(5):
        await _post(one, number_of(number), {})
    await asyncio.sleep(0.5)
    sent: dict[str, int] = {}
    for number in range(IDLE_CALLS):
        await _post(one, number_of(100_000 + number), sent)
        await asyncio.sleep(IDLE_GAP_S)
    return await _received(one, sent, 60)


async def loaded(one: House, seconds: int = SECONDS) -> list[float]:
    """300 a second, evenly."""
    sent: dict[str, int] = {}
    begin = time.monotonic()
    posts: set[asyncio.Task[None]] = set()
    for number in range(PER_SECOND * seconds):
        wait = begin + number / PER_SECOND - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        posts.add(asyncio.create_task(_post(one, number_of(200_000 + number), sent)))
    await asyncio.gather(*posts)
    return await _received(one, sent, 120)


async def run() -> list[str]:
    """The table."""
    lines = [row("POST sent -> RingCentral's request received", "p50 ms", "p99 ms", "calls")]
    for name, open_house, seconds in (
        ("this product", house, SECONDS),
        ("arq's defaults", stock_house, 2),
    ):
        async with open_house() as one:
            for load, took in (("idle", await idle(one)), ("300/s", await loaded(one, seconds))):
                p50, p99 = percentiles(took)
                lines.append(row(f"{name}, {load}", f"{p50:.2f}", f"{p99:.2f}", len(took)))
    return lines
