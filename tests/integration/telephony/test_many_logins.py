"""Many credentials of one app: its logins are spread over time, over all processes, and kept."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from orchestrator.domain.budget import Rate, Rules
from orchestrator.domain.credentials import Credential, Directory
from orchestrator.domain.errors import Retryable
from orchestrator.runtime import now
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands, connect, disconnect
from orchestrator.storage.tokens import RedisTokens
from orchestrator.telephony.fleet import Fleet
from simulator import Simulator, SimulatorSettings, serving
from tests.harness.waiting import wait_until

LIFE_S = 3600
WINDOW_S = 2
MANY = tuple(
    Credential(
        f"desk-{number}",
        extension=str(400131426000 + number),
        client_id="simulator-client",
        client_secret="simulator-secret",
        jwt=f"simulator-jwt.{number}",
    )
    for number in range(2, 14)
)


@dataclass
class Later:
    """The system's clock, and how far it is moved."""

    by_ms: int = field(default=0)

    def __call__(self) -> int:
        return now() + self.by_ms


@dataclass
class Process:
    """What one process has: its own clients, over the Redis of all."""

    fleet: Fleet

    async def token(self, credential: Credential) -> str:
        """A token, however long it takes."""
        while True:
            tokens = self.fleet._clients[credential.name][2]
            try:
                return await tokens.token()
            except Retryable as error:
                await asyncio.sleep(error.retry_after)

    async def tokens(self) -> list[str]:
        """One for each credential, all asked for at the same time."""
        for one in MANY:
            self.fleet.named(one.name)
        return await asyncio.gather(*(self.token(one) for one in MANY))


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """One that lets an app log in four times in two seconds."""
    limits = f"auth=4/{WINDOW_S},light=1000/60,heavy=1000/60,penalty=5"
    async with serving(SimulatorSettings(port=0, limits=limits)) as running:
        yield running


@asynccontextmanager
async def _processes(
    count: int, simulator: Simulator, redis_url: str, clock: Later
) -> AsyncIterator[list[Process]]:
    rules = Rules(assumed={**Rules().assumed, "auth": Rate(4, WINDOW_S)})
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            redis = connect(redis_url, WORKER)
            stack.push_async_callback(disconnect, redis)
            commands = Commands(redis, WORKER)
            fleet = Fleet(
                server_url=simulator.url,
                credentials=Directory(MANY),
                store=RedisTokens(commands, clock),
                budget=RedisBudget(commands, rules),
                clock=clock,
            )
            made.append(Process(await stack.enter_async_context(fleet)))
        yield made


def _logins(simulator: Simulator) -> list[int]:
    entries = simulator.world.journal.since(0)
    return [entry.received_monotonic_ns for entry in entries if entry.operation == "token"]


def _refused(simulator: Simulator) -> int:
    return simulator.world.limited


async def test_processes_log_each_credential_in_once_and_no_faster_than_they_may(
    simulator: Simulator, redis_url: str
) -> None:
    clock = Later()
    async with _processes(2, simulator, redis_url, clock) as (one, other):
        first, second = await asyncio.gather(one.tokens(), other.tokens())
    assert first == second
    assert len(set(first)) == len(MANY)
    assert len(_logins(simulator)) == len(MANY)
    assert _refused(simulator) == 0


async def test_a_fleet_that_is_started_again_logs_nobody_in(
    simulator: Simulator, redis_url: str
) -> None:
    clock = Later()
    async with _processes(1, simulator, redis_url, clock) as (one,):
        before = await one.tokens()
    async with _processes(2, simulator, redis_url, clock) as processes:
        for process in processes:
            assert await process.tokens() == before
    assert len(_logins(simulator)) == len(MANY)


async def test_renewals_are_spread_as_well_and_nobody_waits_for_them(
    simulator: Simulator, redis_url: str
) -> None:
    clock = Later()
    async with _processes(2, simulator, redis_url, clock) as processes:
        old = await processes[0].tokens()
        clock.by_ms = round(0.85 * LIFE_S * 1000)

        async def all_are_new() -> bool:
            clock.by_ms += 500
            rows = [await process.tokens() for process in processes]
            return all(not set(row) & set(old) for row in rows)

        for process in processes:
            assert await process.tokens() == old
        await wait_until(all_are_new, seconds=60, every=0.2)
    assert len(_logins(simulator)) == 2 * len(MANY)
    assert _refused(simulator) == 0


async def test_what_a_token_permits_is_shared_with_it(simulator: Simulator, redis_url: str) -> None:
    clock = Later()
    async with _processes(2, simulator, redis_url, clock) as (one, other):
        client = one.fleet.named("desk-2")
        assert await client.needs_login()
        scope = await client.scope()
        assert scope is not None
        assert "RingOut" in scope
        assert not await other.fleet.named("desk-2").needs_login()
        assert await other.fleet.named("desk-2").scope() == scope
    assert len(_logins(simulator)) == 1
