"""Penalties on a real server: a closed gate is closed to all, and one request tries it first."""

from contextlib import nullcontext

import pytest
from redis.asyncio import Redis

from orchestrator.domain.budget import Heard, Limit, Payer, Payment, Penalty, Scope
from orchestrator.domain.errors import UpstreamGated
from orchestrator.storage import keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.connection import WORKER, Commands, connect
from tests.harness.budgets import (
    COLLEAGUE,
    ME,
    OPEN_HANDED,
    STRANGER,
    in_time,
    is_open,
    pays,
    refusal,
    ruled,
    server_ms,
    teach,
)
from tests.harness.twice import SentTwice
from tests.harness.waiting import wait_until

WHO = {
    "bucket": (ME, "heavy"),
    "group": (ME, "light"),
    "account": (COLLEAGUE, "heavy"),
    "house": (STRANGER, "heavy"),
}


@pytest.mark.parametrize(
    ("scope", "shut"),
    [
        (Scope.BUCKET, {"bucket"}),
        (Scope.ACCOUNT, {"bucket", "group", "account"}),
        (Scope.HOUSE, {"bucket", "group", "account", "house"}),
    ],
)
async def test_a_penalty_closes_what_it_is_for_to_every_process(
    budget: RedisBudget, redis_url: str, scope: Scope, shut: set[str]
) -> None:
    refused = await budget.spend(ME, "heavy")
    await budget.settle(refused, Heard(penalty=Penalty(30, scope)))
    client = connect(redis_url, WORKER)
    other = RedisBudget(Commands(client, WORKER), OPEN_HANDED)
    assert {name for name, who in WHO.items() if not await is_open(other, *who)} == shut
    assert 29 < await refusal(other) <= 30.5
    assert 29 < await refusal(other, care=True) <= 30.5
    await client.aclose()


async def test_a_penalty_outlasts_what_was_said_and_ends(budget: RedisBudget, redis: Redis) -> None:
    await teach(budget, 10)
    payment = await budget.spend(ME, "heavy")
    began = await server_ms(redis)
    await budget.settle(payment, Heard(penalty=Penalty(0.2)))
    await in_time(budget)
    assert await server_ms(redis) >= began + 700


@pytest.mark.parametrize("scope", list(Scope))
async def test_a_penalty_is_never_shortened(budget: RedisBudget, scope: Scope) -> None:
    for seconds in (60, 5, 30):
        refused = Payment(ME, "heavy", str(seconds))
        await budget.settle(refused, Heard(penalty=Penalty(seconds, scope)))
    assert 59 < await refusal(budget) <= 60.5
    late = Payment(ME, "heavy", "late")
    await budget.settle(late, Heard(limit=Limit(10, 9, 60)))
    assert await refusal(budget) > 59, "nor by a sound answer"


async def test_after_a_penalty_one_request_goes_first(budget: RedisBudget, redis: Redis) -> None:
    await penalty_is_over(budget, redis)
    (canary,) = await pays(budget, 20)
    assert await pays(budget, 20) == []
    assert await pays(budget, 5, care=True) == []
    await budget.settle(canary, Heard(limit=Limit(10, 8, 60)))
    assert len(await pays(budget, 20)) == 8


@pytest.mark.parametrize("heard", [None, Heard(answered=False)], ids=["not sent", "not answered"])
async def test_and_one_after_it_where_that_brought_no_answer(
    budget: RedisBudget, redis: Redis, heard: Heard | None
) -> None:
    await penalty_is_over(budget, redis)
    (canary,) = await pays(budget, 20)
    if heard is None:
        await budget.refund(canary)
    else:
        await budget.settle(canary, heard)
    assert len(await pays(budget, 20)) == 1


async def test_a_canary_that_is_refused_closes_the_gate_again(
    budget: RedisBudget, redis: Redis
) -> None:
    await penalty_is_over(budget, redis)
    (canary,) = await pays(budget, 20)
    await budget.settle(canary, Heard(limit=Limit(10, 0, 60), penalty=Penalty(30)))
    assert 29 < await refusal(budget) <= 30.5


async def test_a_canary_whose_process_died_is_waited_for_only_so_long(redis: Redis) -> None:
    hasty = ruled(redis, hold=0.9)
    await penalty_is_over(hasty, redis)
    began = await server_ms(redis)
    await hasty.spend(ME, "heavy")
    await in_time(hasty)
    assert await server_ms(redis) >= began + 900


async def test_an_answer_from_before_the_penalty_is_no_canary(
    budget: RedisBudget, redis: Redis
) -> None:
    await teach(budget, 10)
    early, refused = await pays(budget, 2)
    await budget.settle(refused, Heard(penalty=Penalty(0.0)))
    await budget.settle(early, Heard(limit=Limit(10, 8, 60)))
    await wait_until(lambda: gate_is_open(redis), every=0.01)
    assert len(await pays(budget, 20)) == 1


async def gate_is_open(redis: Redis) -> bool:
    return not await redis.exists(keys.gate("default", "heavy"))


async def penalty_is_over(budget: RedisBudget, redis: Redis) -> None:
    """A bucket whose limit is known was closed, and is open again."""
    await teach(budget, 10)
    refused = await budget.spend(ME, "heavy")
    await budget.settle(refused, Heard(penalty=Penalty(0.0)))
    assert not await gate_is_open(redis)
    await wait_until(lambda: gate_is_open(redis), every=0.01)


WIDER = pytest.mark.parametrize("scope", [Scope.ACCOUNT, Scope.HOUSE])


async def wider_penalty_is_over(budget: RedisBudget, scope: Scope) -> Payment:
    """More than a bucket was closed; the payment of the first who may try again, a colleague."""
    for payer in (ME, COLLEAGUE, STRANGER):
        for group in ("heavy", "light"):
            await teach(budget, 10, payer=payer, group=group)
    await budget.settle(Payment(ME, "heavy", "refused"), Heard(penalty=Penalty(0.0, scope)))
    return await in_time(budget, COLLEAGUE)


async def shut_to(budget: RedisBudget) -> set[str]:
    """Those of WHO that may not send."""
    return {name for name, who in WHO.items() if not await is_open(budget, *who)}


@WIDER
async def test_after_a_wider_penalty_one_request_goes_first_for_all(
    budget: RedisBudget, scope: Scope
) -> None:
    canary = await wider_penalty_is_over(budget, scope)
    shut = {"bucket", "group", "account"} | ({"house"} if scope is Scope.HOUSE else set())
    assert await shut_to(budget) == shut
    assert await refusal(budget, care=True) <= 0.05
    await budget.settle(canary, Heard(limit=Limit(10, 9, 60)))
    assert await shut_to(budget) == set()


@WIDER
@pytest.mark.parametrize("heard", [None, Heard(answered=False)], ids=["not sent", "not answered"])
async def test_and_another_where_that_one_brought_no_answer(
    budget: RedisBudget, scope: Scope, heard: Heard | None
) -> None:
    canary = await wider_penalty_is_over(budget, scope)
    if heard is None:
        await budget.refund(canary)
    else:
        await budget.settle(canary, heard)
    await budget.spend(COLLEAGUE, "light")
    assert await refusal(budget, COLLEAGUE) <= 0.05


@WIDER
async def test_a_canary_refused_for_all_closes_for_all_again(
    budget: RedisBudget, scope: Scope
) -> None:
    canary = await wider_penalty_is_over(budget, scope)
    await budget.settle(canary, Heard(penalty=Penalty(30, scope)))
    assert 29 < await refusal(budget, ME, "light") <= 30.5


@WIDER
async def test_a_canary_refused_for_its_bucket_alone_is_none_for_all(
    budget: RedisBudget, scope: Scope
) -> None:
    canary = await wider_penalty_is_over(budget, scope)
    await budget.settle(canary, Heard(penalty=Penalty(30)))
    await budget.spend(COLLEAGUE, "light")
    assert await refusal(budget, ME, "light") <= 0.05


@WIDER
async def test_a_wider_canary_whose_process_died_is_waited_for_only_so_long(
    redis: Redis, scope: Scope
) -> None:
    hasty = ruled(redis, hold=0.3)
    await wider_penalty_is_over(hasty, scope)
    began = await server_ms(redis)
    await in_time(hasty, COLLEAGUE)
    assert await server_ms(redis) >= began + 250


@WIDER
async def test_a_canary_s_answer_does_not_shorten_a_penalty_that_began_since(
    budget: RedisBudget, scope: Scope
) -> None:
    canary = await wider_penalty_is_over(budget, scope)
    late = Payment(STRANGER if scope is Scope.HOUSE else ME, "light", "late")
    await budget.settle(late, Heard(penalty=Penalty(30, scope)))
    await budget.settle(canary, Heard(limit=Limit(10, 9, 60)))
    assert await refusal(budget, COLLEAGUE) > 29


@WIDER
async def test_a_canary_that_is_sent_twice_goes(redis: Redis, scope: Scope) -> None:
    twice = RedisBudget(SentTwice(redis, WORKER), OPEN_HANDED)
    await wider_penalty_is_over(twice, scope)


async def test_a_bucket_s_canary_is_needed_again_where_it_was_closed_since(
    budget: RedisBudget, redis: Redis
) -> None:
    await penalty_is_over(budget, redis)
    (canary,) = await pays(budget, 5)
    await budget.settle(Payment(ME, "heavy", "late"), Heard(penalty=Penalty(0.0)))
    await budget.settle(canary, Heard(limit=Limit(10, 5, 60)))
    await wait_until(lambda: gate_is_open(redis), every=0.01)
    assert len(await pays(budget, 20)) == 1


async def test_a_login_that_is_answered_ends_the_canary(budget: RedisBudget, redis: Redis) -> None:
    """RingCentral names no limit with a token."""
    app = Payer("app-1")
    refused = await budget.spend(app, "auth")
    await budget.settle(refused, Heard(penalty=Penalty(0.0)))
    await wait_until(lambda: is_open(budget, app, "auth"), every=0.01)
    canary = await budget.spend(app, "auth")
    assert not await is_open(budget, app, "auth")
    await budget.settle(canary, Heard())
    for _ in range(2):
        await budget.spend(app, "auth")
    assert 50 < await refusal(budget, app, "auth") <= 60, "and four a minute is the limit"


@pytest.mark.parametrize(
    ("scope", "is_shut"), [(Scope.BUCKET, False), (Scope.ACCOUNT, True), (Scope.HOUSE, True)]
)
async def test_what_no_group_counts_heeds_the_gates_above_the_groups(
    budget: RedisBudget, scope: Scope, *, is_shut: bool
) -> None:
    refused = await budget.spend(ME, "heavy")
    await budget.settle(refused, Heard(penalty=Penalty(30, scope)))
    shut = pytest.raises(UpstreamGated) if is_shut else nullcontext()
    with shut:
        await budget.passable(ME)
