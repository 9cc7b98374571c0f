"""What the tests on a real server have in common."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from orchestrator.identity import OidcIssuer
from orchestrator.runtime import front_end
from orchestrator.settings import load
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands, connect
from tests.harness.budgets import OPEN_HANDED
from tests.harness.owners import House
from tests.harness.processes import LENIENT
from tests.harness.provider import AUDIENCE, IdentityProvider, Watch


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of a server of its own."""
    client = connect(redis_url, WORKER)
    yield client
    await client.aclose()


@pytest.fixture
def budget(redis: Redis) -> RedisBudget:
    """A budget without a reserve."""
    return RedisBudget(Commands(redis, WORKER), OPEN_HANDED)


@pytest.fixture
async def owned_house(redis_url: str) -> AsyncIterator[House]:
    """An empty house."""
    given = {
        **LENIENT,
        "REDIS_URL": redis_url,
        "RINGCENTRAL_API_KEY": "k",
        "RINGOUT_CALLBACK_SECRET": "whsec_" + "A" * 43 + "=",
    }
    async with front_end(load(given)) as front:
        yield House(front)


@pytest.fixture
def watch() -> Watch:
    """The present, which a test may put ahead."""
    return Watch()


@pytest.fixture
async def issuer(provider: IdentityProvider, watch: Watch) -> AsyncIterator[OidcIssuer]:
    """Whose tokens are taken."""
    asked = OidcIssuer.of(provider.issuer, AUDIENCE, "", watch)
    yield asked
    await asked.close()
