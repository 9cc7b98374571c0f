"""Deliveries to `callbackUrl`s that wait, counted for each owner."""

from dataclasses import replace

import pytest

from orchestrator.domain.access import HOUSE_OWNER
from orchestrator.storage import delivery_keys
from orchestrator.storage.deliveries import Kept, Settled
from orchestrator.storage.dispatching import New
from tests.integration.test_webhooks_storage import Parts, parts

__all__ = ["parts"]
OWNERS = pytest.mark.parametrize("owner", [HOUSE_OWNER, "k1"])


def _callback(parts: Parts, number: int, owner: str) -> New:
    return replace(parts.new(number), webhook=delivery_keys.CALLBACK, owner=owner)


async def _waiting(parts: Parts, owner: str) -> list[str]:
    members = await parts.redis.zrange(delivery_keys.of_callbacks(owner), 0, -1)
    return [member.decode() for member in members]


@OWNERS
@pytest.mark.parametrize("end", ["delivered", "dead", "deleted"])
async def test_one_waits_until_it_is_settled(parts: Parts, owner: str, end: str) -> None:
    new = _callback(parts, 1, owner)
    await parts.dispatching.write_one(new)
    await parts.dispatching.write_one(new)
    await parts.written(2)
    assert await _waiting(parts, owner) == [new.id]
    await parts.store.settle(await parts.begun(new.id), Settled("pending", 0, code="status"))
    assert await _waiting(parts, owner) == [new.id]
    await parts.store.settle(await parts.begun(new.id), Settled(end))
    assert await _waiting(parts, owner) == []


@OWNERS
async def test_one_that_is_made_anew_waits_anew(parts: Parts, owner: str) -> None:
    new = _callback(parts, 1, owner)
    await parts.dispatching.write_one(new)
    await parts.store.settle(await parts.begun(new.id), Settled("dead"))
    await parts.store.redeliver(new.id)
    assert await _waiting(parts, owner) == [new.id]
    left = await parts.redis.ttl(delivery_keys.of_callbacks(owner))
    assert 0 < left <= Kept().at_most
    await parts.store.settle(await parts.begun(new.id, 2), Settled("delivered"))
    assert await _waiting(parts, owner) == []
