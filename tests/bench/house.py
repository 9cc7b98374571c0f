"""A whole house for a benchmark: Redis, simulator, REST and workers, each a process."""

import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.harness.processes import Fleet
from tests.harness.redis import RedisServer, free_port
from tests.harness.simulated import Simulated

RING_OUT = "/v1/restapi/v1-0/account/~/extension/~/ring-out"
SHORT_CALLS = {"leg1_ring": 0.2, "leg2_ring": 0.2, "talk": 0.2}


@dataclass(frozen=True, slots=True)
class House:
    """What runs, and how to reach it."""

    fleet: Fleet
    redis: RedisServer
    simulated: Simulated
    session: aiohttp.ClientSession
    rest: str

    async def accept(self, to: str) -> str:
        """POSTs one call; its id."""
        body = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": to}}
        async with self.session.post(self.rest + RING_OUT, json=body) as response:
            if response.status != 202:
                raise AssertionError(await response.text())
            answer = await response.json()
            call_id: str = answer["id"]
            return call_id


@asynccontextmanager
async def house(workers: int = 1, **environment: str) -> AsyncIterator[House]:
    """Everything up, no rate limits, calls that last less than a second."""
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisServer(Path(folder) / "redis")
        redis.start()
        port = free_port()
        fleet = Fleet(
            {
                "REDIS_URL": redis.url,
                "RINGOUT_REST_PORT": str(port),
                "RINGOUT_LOG_LEVEL": "warning",
                **environment,
            }
        )
        try:
            fleet.simulator(RINGOUT_SIMULATOR_LIMITS="off")
            fleet.command("rest").line_with("rest listening on")
            for _ in range(workers):
                fleet.worker()
            async with aiohttp.ClientSession() as session:
                simulated = Simulated(session, fleet.environment["RC_SERVER_URL"])
                await simulated.tune(**SHORT_CALLS)
                yield House(fleet, redis, simulated, session, f"http://127.0.0.1:{port}")
        finally:
            fleet.close()
            redis.kill()


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """p50 and p99."""
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return cuts[49], cuts[98]


def row(*cells: object) -> str:
    """One line of a table."""
    first, *rest = (str(cell) for cell in cells)
    return f"{first:<52}" + "".join(f"{cell:>14}" for cell in rest)
