"""What the tests on a real server have in common."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands, connect
from tests.harness.budgets import OPEN_HANDED


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
