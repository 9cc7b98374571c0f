"""Phones that are never rung, on a real server: what writes the fence obeys them."""

import pytest
from redis.asyncio import Redis

from orchestrator.domain import calls
from orchestrator.domain.budget import Heard, Payer, Payment, Penalty
from orchestrator.domain.calls import Call
from orchestrator.runtime import now
from orchestrator.storage import keys
from orchestrator.storage.budget import gates
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.digests import Digests
from orchestrator.storage.obstacles import Obstacles
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.suppression import Suppressed, Suppression
from tests.integration.test_lanes import Street

TO, FROM, OTHER = "+16505550123", "+16505550100", "+16505550199"


@pytest.fixture
def street(redis: Redis) -> Street:
    return Street.on(redis)


@pytest.fixture
def suppression(redis: Redis) -> Suppression:
    commands = Commands(redis, WORKER)
    return Suppression(commands, Digests(commands, None))


async def fence(street: Street, suppression: Suppression, call: Call) -> bool:
    """Whether the right to ask RingCentral was given."""
    phones = [await suppression.digests.of(number) for number in (TO, FROM)]
    written = await street.store.change(
        call.id,
        lambda known: calls.placing(known, now(), "fence"),
        obstacles=Obstacles(gates(Payer(), "heavy"), phones),
    )
    return written.applied


@pytest.mark.parametrize("phone", [TO, FROM])
async def test_the_fence_is_not_given_for_either_phone(
    redis: Redis, street: Street, suppression: Suppression, phone: str
) -> None:
    (call,) = await street.accepts(1)
    await suppression.add(OTHER)
    await suppression.add(phone)
    before = await redis.dump(keys.call(call.id))

    with pytest.raises(Suppressed):
        await fence(street, suppression, call)

    assert await redis.dump(keys.call(call.id)) == before
    assert not await redis.zcard(keys.PLACINGS)
    await suppression.remove(phone)
    assert await fence(street, suppression, call)


async def test_it_is_given_back_and_not_given_again(
    street: Street, suppression: Suppression
) -> None:
    (call,) = await street.accepts(1)
    assert await fence(street, suppression, call)
    await street.store.change(call.id, lambda known: calls.released(known, now(), "fence"))
    await suppression.add(TO)

    with pytest.raises(Suppressed):
        await fence(street, suppression, call)


async def test_it_comes_before_whatever_the_call_would_wait_for(
    redis: Redis, street: Street, suppression: Suppression
) -> None:
    (call,) = await street.accepts(1)
    await Pauses(Commands(redis, WORKER)).begin(None, "", "me", now())
    await street.budget.settle(Payment(Payer(), "heavy", "p"), Heard(penalty=Penalty(30)))
    await suppression.add(FROM)

    with pytest.raises(Suppressed):
        await fence(street, suppression, call)
