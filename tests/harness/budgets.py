"""What the tests of the rate budget have in common: who pays, and what passes."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain.budget import Heard, Limit, Payer, Payment, Rules
from orchestrator.domain.errors import UpstreamGated
from orchestrator.storage import keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands
from tests.harness.waiting import wait_until

ME = Payer()
COLLEAGUE = Payer("colleague", "~")
STRANGER = Payer("stranger", "500")
OPEN_HANDED = Rules(reserve={})


def ruled(redis: Redis, **rules: Any) -> RedisBudget:
    """A budget without a reserve, and with these rules."""
    return RedisBudget(Commands(redis, WORKER), replace(OPEN_HANDED, **rules))


async def teach(
    budget: RedisBudget, limit: int, window: int = 60, *, payer: Payer = ME, group: str = "heavy"
) -> None:
    """RingCentral has said what it takes, and nothing is spent."""
    earlier = Payment(payer, group, "earlier")
    await budget.settle(earlier, Heard(limit=Limit(limit, limit, window)))


async def refusal(
    budget: RedisBudget, payer: Payer = ME, group: str = "heavy", *, care: bool = False
) -> float:
    """The seconds to wait that a request is refused with."""
    with pytest.raises(UpstreamGated) as gated:
        await budget.spend(payer, group, care=care)
    return gated.value.retry_after


async def is_open(budget: RedisBudget, payer: Payer = ME, group: str = "heavy") -> bool:
    """Whether a request may leave now; it is taken back at once."""
    try:
        payment = await budget.spend(payer, group)
    except UpstreamGated:
        return False
    await budget.refund(payment)
    return True


async def pays(budget: RedisBudget, count: int, *, care: bool = False) -> list[Payment]:
    """As many payments as pass at once, of so many that try."""
    tries = (budget.spend(ME, "heavy", care=care) for _ in range(count))
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert all(isinstance(answer, Payment | UpstreamGated) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Payment)]


async def in_time(
    budget: RedisBudget, payer: Payer = ME, group: str = "heavy", *, care: bool = False
) -> Payment:
    """A payment, as soon as one passes."""

    async def tried() -> Payment | None:
        try:
            return await budget.spend(payer, group, care=care)
        except UpstreamGated:
            return None

    payment: Payment = await wait_until(tried, seconds=5, every=0.01)
    return payment


async def server_ms(redis: Redis) -> int:
    """The present by the server's clock."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def leaves_in(redis: Redis, payment: Payment) -> float:
    """The milliseconds until the request's window begins."""
    score = await redis.zscore(keys.spent("default", "heavy"), payment.id)
    assert score is not None
    return float(score) - await server_ms(redis)


async def count(redis: Redis) -> int:
    """How many requests count in the bucket."""
    return int(await redis.zcard(keys.spent("default", "heavy")))
