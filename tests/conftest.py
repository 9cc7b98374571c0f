"""What all storeys of tests share: a real server, the simulator, processes."""

import os
from collections.abc import AsyncIterator, Generator, Iterator
from pathlib import Path

import aiohttp
import hypothesis
import pytest

from orchestrator.runtime import FrontEnd, front_end
from orchestrator.settings import Settings, load
from tests.harness import output
from tests.harness.processes import Fleet
from tests.harness.provider import IdentityProvider, provided
from tests.harness.redis import RedisServer, emptied, serving
from tests.harness.simulated import Simulated

# Other processes share the machine: how long an example takes says nothing about the code. In CI
# the same examples are tried each time.
hypothesis.settings.register_profile(
    "house",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize="CI" in os.environ,
)
hypothesis.settings.load_profile("house")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test whose output shows a full number or a secret fails when it is torn down."""
    report = yield
    if report.when == "teardown" and report.passed:
        lines = [line for _, text in report.sections for line in text.splitlines()]
        if shown := output.faults(lines):
            report.outcome = "failed"
            report.longrepr = "shows a number or a secret:\n" + "\n".join(shown[:20])
    return report


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One server a test process; `redis_url` empties it for each test."""
    with serving(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> Iterator[str]:
    """An empty database; after the test, every key in it must be as the key book says."""
    with emptied(redis_server) as url:
        yield url


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The server of the processes that a session's tests share: no test makes a key in it, since a
    process that has seen one is never open again."""
    with serving(tmp_path_factory.mktemp("shared-redis")) as server:
        yield server


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A server for this test alone, to be killed and frozen."""
    with serving(tmp_path / "redis") as server:
        yield server


@pytest.fixture
def fleet(redis_url: str) -> Iterator[Fleet]:
    """Starts processes on the empty database and ends them after the test."""
    processes = Fleet(
        {
            "REDIS_URL": redis_url,
            "RINGOUT_LOG_FORMAT": "json",
            "RINGOUT_PREFLIGHT": "off",
            "RINGOUT_NOTIFICATIONS": "off",
        }
    )
    yield processes
    processes.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client."""
    async with aiohttp.ClientSession() as client:
        yield client


@pytest.fixture
async def simulated(fleet: Fleet, session: aiohttp.ClientSession) -> Simulated:
    """A simulator ten times as fast as life and without rate limits, for `fleet`."""
    fleet.environment["RINGOUT_CADENCE_FACTOR"] = "0.1"
    fleet.simulator(RINGOUT_SIMULATOR_SPEED="10", RINGOUT_SIMULATOR_LIMITS="off")
    return Simulated(session, fleet.environment["RC_SERVER_URL"])


@pytest.fixture
def settings(fleet: Fleet, simulated: Simulated) -> Settings:
    """The settings that `fleet`'s processes have."""
    return load(fleet.environment)


@pytest.fixture
async def front(settings: Settings) -> AsyncIterator[FrontEnd]:
    """The service as a front end has it."""
    async with front_end(settings) as connected:
        yield connected


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    """An identity provider, running."""
    async with provided() as running:
        yield running
