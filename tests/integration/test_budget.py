"""The rate budget on a real server: never more than RingCentral takes, whoever asks."""

import asyncio
import random
import time
from contextlib import AsyncExitStack

import pytest
from redis.asyncio import Redis

from orchestrator.domain.budget import Heard, Limit, Penalty, Rate
from orchestrator.domain.errors import RingOutError, UpstreamGated, UpstreamUnavailable
from orchestrator.storage import keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.telephony.answers import Placed
from orchestrator.telephony.auth import JwtTokens, StaticToken
from orchestrator.telephony.client import RingCentral
from simulator import SimulatorSettings, serving
from simulator.limits import Limiter, Limits, Verdict
from tests.harness.budgets import (
    COLLEAGUE,
    ME,
    OPEN_HANDED,
    count,
    in_time,
    is_open,
    leaves_in,
    pays,
    refusal,
    ruled,
    server_ms,
    teach,
)
from tests.harness.twice import SentTwice
from tests.integration.telephony.world import (
    BODY,
    MemoryBudget,
    MemoryTokens,
    Reply,
    always,
    nobody,
    odd_server,
    reply,
)

# The window


def told(verdict: Verdict) -> Heard:
    """What the headers of RingCentral's limiter say."""
    names = ("Limit", "Remaining", "Window")
    said = [int(verdict.headers[f"X-Rate-Limit-{name}"]) for name in names]
    return Heard(limit=Limit(*said))


@pytest.mark.parametrize("seed", [1, 2])
async def test_ringcentral_never_has_to_refuse(redis: Redis, seed: int) -> None:
    """RingCentral counts a request at any moment between its payment and its answer; some are
    not answered, some are never sent. Its own limiter judges."""
    chance = random.Random(seed)  # noqa: S311 - the same ones each time
    limiter = Limiter(time.monotonic)
    limiter.limits = Limits.parse("heavy=12/1")
    budgets = [ruled(redis, assumed={"heavy": Rate(12, 1)}, hold=0.4) for _ in range(2)]
    judged: list[Verdict] = []

    def counted() -> Heard:
        judged.append(limiter.take(("user", "app", "heavy")))
        return told(judged[-1])

    async def asks() -> None:
        budget = chance.choice(budgets)
        payment = await in_time(budget)
        if chance.random() < 0.2:
            await budget.refund(payment)
            return
        is_early = chance.random() < 0.5
        heard = counted() if is_early else Heard()
        for _ in range(chance.randrange(30)):
            await redis.ping()
        heard = heard if is_early else counted()
        await budget.settle(payment, heard if chance.random() < 0.8 else Heard(answered=False))

    async def asker() -> None:
        while len(judged) < 36:
            await asks()

    await asyncio.gather(*(asker() for _ in range(8)))
    assert not any(verdict.refused for verdict in judged)


async def test_limit_and_window_are_what_ringcentral_says(budget: RedisBudget) -> None:
    payment = await budget.spend(ME, "heavy")
    await budget.settle(payment, Heard(limit=Limit(3, 2, 2)))
    assert len(await pays(budget, 20)) == 2
    await budget.settle(payment, Heard(limit=Limit(5, 2, 30)))
    assert len(await pays(budget, 20)) == 2
    assert 0 < await refusal(budget) <= 30 + budget.rules.hold


async def test_what_was_answered_comes_free_a_window_later(
    budget: RedisBudget, redis: Redis
) -> None:
    await teach(budget, 2, window=1)
    payments = await pays(budget, 5)
    began = await server_ms(redis)
    for payment in payments:
        await budget.settle(payment, Heard())
    assert len(payments) == 2
    assert 0 < await refusal(budget) <= 1
    await in_time(budget)
    assert await server_ms(redis) >= began + 1000


async def test_a_request_under_way_counts_until_it_can_be_under_way_no_more(redis: Redis) -> None:
    patient = ruled(redis, hold=15.0)
    await teach(patient, 1, window=1)
    payment = await patient.spend(ME, "heavy")
    assert 0 < await refusal(patient) <= 1, "its answer is expected at any moment"
    assert await leaves_in(redis, payment) > 14_000
    await patient.settle(payment, Heard(answered=False))
    assert 0 < await refusal(patient) <= 1, "what was not answered counts from then on"
    assert await leaves_in(redis, payment) <= 0


async def test_what_a_dead_process_paid_for_comes_free(redis: Redis) -> None:
    hasty = ruled(redis, hold=0.3)
    await teach(hasty, 1, window=1)
    began = await server_ms(redis)
    await hasty.spend(ME, "heavy")
    await in_time(hasty)
    assert await server_ms(redis) >= began + 1300


async def test_what_was_not_sent_costs_nothing(budget: RedisBudget) -> None:
    await teach(budget, 1)
    for _ in range(5):
        await budget.refund(await budget.spend(ME, "heavy"))
    await budget.spend(ME, "heavy")
    assert await refusal(budget) > 0


async def test_what_others_spend_shows(budget: RedisBudget, redis: Redis) -> None:
    first = await budget.spend(ME, "heavy")
    await budget.settle(first, Heard(limit=Limit(10, 4, 60)))
    assert await count(redis) == 6
    second, *others = await pays(budget, 20)
    assert len(others) == 3
    await budget.settle(second, Heard(limit=Limit(10, 3, 60)))
    assert await count(redis) == 10, "nobody else has spent anything since"


async def test_buckets_do_not_share(budget: RedisBudget) -> None:
    await teach(budget, 1)
    await budget.spend(ME, "heavy")
    assert not await is_open(budget)
    assert await is_open(budget, ME, "light")
    assert await is_open(budget, COLLEAGUE)


# Buckets that have never answered


async def test_one_request_goes_first_and_the_others_wait_for_its_answer(
    budget: RedisBudget,
) -> None:
    (first,) = await pays(budget, 20)
    assert 0 < await refusal(budget) <= 0.05
    await budget.settle(first, Heard(limit=Limit(10, 9, 60)))
    assert len(await pays(budget, 20)) == 9


async def test_but_not_for_ever(budget: RedisBudget, redis: Redis) -> None:
    began = await server_ms(redis)
    await budget.spend(ME, "heavy")
    await in_time(budget)
    assert await server_ms(redis) >= began + 500
    assert len(await pays(budget, 20)) == 0, "each goes alone"


@pytest.mark.parametrize("heard", [None, Heard(answered=False)], ids=["not sent", "not answered"])
async def test_where_the_first_brings_no_answer_the_next_goes_first(
    budget: RedisBudget, heard: Heard | None
) -> None:
    (first,) = await pays(budget, 5)
    if heard is None:
        await budget.refund(first)
    else:
        await budget.settle(first, heard)
    assert len(await pays(budget, 5)) == 1


async def test_until_it_is_told_the_documented_limit_holds(budget: RedisBudget) -> None:
    for _ in range(10):
        await budget.settle(await budget.spend(ME, "heavy"), Heard(answered=False))
    assert 50 < await refusal(budget) <= 60


async def test_answers_that_name_no_limit_are_not_limited(
    budget: RedisBudget, redis: Redis
) -> None:
    await budget.settle(await budget.spend(ME, "heavy"), Heard())
    assert len(await pays(budget, 200)) == 200
    assert await redis.zscore(keys.BUCKETS, "default heavy") is not None


@pytest.mark.parametrize(
    "error",
    [reply(502, b"<html>"), reply(401, {"errorCode": "OAU-149"}), reply(403, b"<html>")],
    ids=["502", "401", "403"],
)
async def test_an_error_that_names_no_limit_lifts_none(budget: RedisBudget, error: Reply) -> None:
    async with odd_server(always(error)) as server:
        client = RingCentral(server_url=server.url, tokens=StaticToken("k"), budget=budget)
        async with client as ringcentral:
            with pytest.raises(RingOutError):
                await ringcentral.cancel("~", "~", "s-1")
    assert len(await pays(budget, 50)) <= 10


# The reserve


@pytest.mark.parametrize(
    ("patience", "is_answered", "passed"),
    [(0.0, True, 3), (70.0, True, 4), (70.0, False, 3)],
    ids=["nothing comes free soon", "as many come free soon", "what is under way does not"],
)
async def test_what_a_cancel_may_need_is_kept_where_nothing_comes_free_soon(
    redis: Redis, patience: float, *, is_answered: bool, passed: int
) -> None:
    careful = ruled(redis, reserve={"heavy": 1}, patience=patience, hold=15.0)
    await teach(careful, 4)
    found = []
    while made := await pays(careful, 1):
        found += made
        if is_answered:
            await careful.settle(made[0], Heard())
    assert len(found) == passed
    assert len(await pays(careful, 5, care=True)) == 4 - passed


async def test_a_reserve_leaves_at_least_one(redis: Redis) -> None:
    careful = ruled(redis, reserve={"heavy": 5}, patience=0.0)
    await teach(careful, 2)
    assert len(await pays(careful, 5)) == 1


async def test_who_yields_leaves_a_share_to_the_others(redis: Redis) -> None:
    following, reading = ruled(redis), ruled(redis, patience=70.0, yields={"heavy": 0.5})
    await teach(following, 10)
    assert len(await pays(reading, 20)) == 5
    assert len(await pays(following, 20)) == 5


@pytest.mark.parametrize("cancel_waits", [False, True])
async def test_a_cancel_that_waits_has_the_next_one(redis: Redis, *, cancel_waits: bool) -> None:
    generous = ruled(redis, reserve={"heavy": 1}, patience=70.0)
    await teach(generous, 2)
    first, second = await pays(generous, 1), await pays(generous, 1, care=True)
    for payment in (*first, *second):
        await generous.settle(payment, Heard())
    if cancel_waits:
        assert await refusal(generous, care=True) > 0
    await generous.refund(first[0])
    assert await is_open(generous) is not cancel_waits
    assert len(await pays(generous, 3, care=True)) == 1


async def test_a_dial_that_leaves_the_next_one_to_a_cancel_does_not_ask_all_the_time(
    redis: Redis,
) -> None:
    generous = ruled(redis, reserve={"heavy": 1}, patience=70.0)
    await teach(generous, 2)
    payments = await pays(generous, 1) + await pays(generous, 1, care=True)
    for payment in payments:
        await generous.settle(payment, Heard())
    await refusal(generous, care=True)
    await generous.refund(payments[0])
    assert await refusal(generous) >= 0.05


# Once


async def test_scripts_that_are_sent_twice_count_once(redis: Redis) -> None:
    twice = RedisBudget(SentTwice(redis, WORKER), OPEN_HANDED)
    first = await twice.spend(ME, "heavy")
    assert await count(redis) == 1
    await twice.settle(first, Heard(limit=Limit(10, 4, 60)))
    assert await count(redis) == 6
    second = await twice.spend(ME, "heavy")
    assert await count(redis) == 7
    await twice.refund(second)
    assert await count(redis) == 6
    third = await twice.spend(ME, "heavy")
    await twice.settle(third, Heard(answered=False))
    assert await count(redis) == 7
    await twice.settle(third, Heard(penalty=Penalty(30)))
    assert 29 < await refusal(twice) <= 30.5


# With the client


async def test_within_the_budget_ringcentral_refuses_nothing(redis: Redis) -> None:
    settings = SimulatorSettings(port=0, limits="heavy=4/1")
    async with serving(settings) as simulator, AsyncExitStack() as stack:
        budgets = [RedisBudget(Commands(redis, WORKER), OPEN_HANDED) for _ in range(3)]
        store = MemoryTokens()
        made: list[Placed] = []

        async def process(budget: RedisBudget) -> None:
            tokens = JwtTokens(
                server_url=simulator.url,
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                jwt=settings.jwt,
                store=store,
                budget=MemoryBudget(),
            )
            client = RingCentral(server_url=simulator.url, tokens=tokens, budget=budget)
            ringcentral = await stack.enter_async_context(client)
            await tokens.token()
            while len(made) < 12:
                made.append(await ringcentral.make("~", "~", BODY, await in_time(budget)))

        await asyncio.gather(*(process(budget) for budget in budgets))
        journal = simulator.world.journal.since(0)
    assert len(made) >= 12
    assert not any(entry.inside_penalty or entry.status == 429 for entry in journal)


async def test_what_was_not_sent_is_refunded(budget: RedisBudget, redis: Redis) -> None:
    client = RingCentral(server_url=nobody(), tokens=StaticToken("k"), budget=budget)
    async with client as ringcentral:
        with pytest.raises(UpstreamUnavailable):
            await ringcentral.cancel("~", "~", "s-1")
    assert await count(redis) == 0


async def test_a_pace_spreads_what_a_window_may_take(redis: Redis) -> None:
    """A fifth of ten within a sixth of a minute."""
    budget = ruled(redis)
    await teach(budget, 10)
    for _ in range(2):
        await budget.settle(await budget.spend(ME, "heavy", pace=0.2), Heard())
    with pytest.raises(UpstreamGated) as gated:
        await budget.spend(ME, "heavy", pace=0.2)
    assert 8 < gated.value.retry_after <= 10
    await budget.spend(ME, "heavy")
