"""Lanes on a real server: calls of one credential leave in order, and each says when."""

import asyncio
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest
from arq.constants import in_progress_key_prefix
from redis.asyncio import Redis

from orchestrator.domain import calls
from orchestrator.domain.budget import Heard, Limit, Payer, Payment, Penalty, Rules
from orchestrator.domain.calls import Call
from orchestrator.domain.words import Outcome
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.storage import keys
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.lanes import Lanes, Waiting
from tests.harness.twice import SentTwice
from tests.harness.waiting import wait_until

ME = Payer()
REQUEST = {"to": {"phoneNumber": "+16505550123"}}
FAR_BACK = 50
LIFE = 60_000


@dataclass
class Street:
    """A store, its lanes, and the calls in them."""

    redis: Redis
    store: CallStore
    lanes: Lanes
    budget: RedisBudget

    @classmethod
    def on(cls, redis: Redis, commands: Commands | None = None) -> "Street":
        commands = commands or Commands(redis, WORKER)
        budget = RedisBudget(commands, Rules(reserve={}))
        store = CallStore(commands, now, follow_ups(), StoreOptions())
        return cls(redis, store, Lanes(commands, budget), budget)

    async def accepts(self, count: int, **fields: Any) -> list[Call]:
        """So many calls, in this order."""
        at = now()
        made = []
        for number in range(count):
            call = Call(
                f"call_{number:03}", "http://x/call", "~", "101", at + number, at + LIFE + number
            )
            made.append(replace(call, **fields))
            await self.store.accept(made[-1], REQUEST)
        return made

    async def teach(self, limit: int, window: int = 60) -> None:
        """RingCentral has said what it takes, and nothing is spent."""
        earlier = Payment(ME, "heavy", "earlier")
        await self.budget.settle(earlier, Heard(limit=Limit(limit, limit, window)))

    async def enter(self, call: Call, attempt: str = "1") -> Payment | Waiting:
        return await self.lanes.enter(call.id, call.accepted_at, ME, attempt)

    async def waiting(self, call: Call) -> Waiting:
        turn = await self.enter(call)
        assert isinstance(turn, Waiting)
        return turn

    async def paid(self, call: Call) -> Payment:
        turn = await self.enter(call)
        assert isinstance(turn, Payment)
        return turn

    async def due(self, call: Call) -> float:
        """When the call's job starts (ms)."""
        score = await self.redis.zscore(keys.QUEUE, keys.job_id("place", call.id))
        assert score is not None
        return float(score)

    async def defer(self, *waiting: Call) -> float:
        """Their jobs wait for a long time; until when."""
        later = float(now() + 3_600_000)
        for call in waiting:
            await self.redis.zadd(keys.QUEUE, {keys.job_id("place", call.id): later})
        return later


@pytest.fixture
def street(redis: Redis) -> Street:
    return Street.on(redis)


# Order


async def test_of_two_hundred_at_once_the_first_that_there_is_room_for_leave(
    street: Street, redis: Redis
) -> None:
    await street.teach(4)
    accepted = await street.accepts(200)
    chance = random.Random(1)  # noqa: S311 - the same ones each time
    shuffled = chance.sample(accepted, len(accepted))
    turns = await asyncio.gather(*(street.enter(call) for call in shuffled))
    paid = {
        call.id for call, turn in zip(shuffled, turns, strict=True) if isinstance(turn, Payment)
    }
    assert paid == {call.id for call in accepted[:4]}
    assert await redis.zcard(keys.spent("default", "heavy")) == 4
    assert await redis.zcard(keys.lane("default")) == 196


async def test_who_came_later_waits_for_who_came_earlier(street: Street) -> None:
    await street.teach(1)
    first, second, third = await street.accepts(3)
    assert [(await street.waiting(call)).ahead for call in (third, second)] == [2, 1]
    payment = await street.paid(first)
    await street.budget.refund(payment)
    assert (await street.waiting(third)).ahead == 1
    await street.paid(second)


async def test_a_lane_that_was_lost_is_in_order_again(street: Street, redis: Redis) -> None:
    await street.teach(1)
    first, second, third = await street.accepts(3)
    await street.enter(first)
    await redis.delete(keys.lane("default"))
    assert (await street.waiting(third)).ahead == 0
    entered = now()
    await wait_until(lambda: now() > entered + 1, every=0.001)
    assert (await street.waiting(second)).ahead == 0
    assert (await street.waiting(third)).ahead == 1


async def test_lanes_do_not_wait_for_each_other(street: Street) -> None:
    await street.teach(1)
    burst = await street.accepts(5)
    await street.paid(burst[0])
    await street.waiting(burst[1])
    turn = await street.lanes.enter("call_x", now(), Payer("colleague"), "1")
    assert isinstance(turn, Payment)


async def test_in_a_bucket_that_never_answered_the_first_goes_alone(street: Street) -> None:
    first, second, third = await street.accepts(3)
    assert (await street.waiting(second)).ahead == 1
    payment = await street.paid(first)
    turn = await street.waiting(second)
    assert turn.ahead == 0
    assert 0 < turn.seconds <= 0.05
    await street.budget.settle(payment, Heard(limit=Limit(10, 9, 60)))
    await street.paid(third)


async def test_one_attempt_pays_once(street: Street, redis: Redis) -> None:
    await street.teach(4)
    (call,) = await street.accepts(1)
    spent = keys.spent("default", "heavy")
    first = await street.enter(call, "1")
    again = await street.enter(call, "1")
    assert first == again
    assert (await redis.zcard(spent), await redis.zcard(keys.lane("default"))) == (1, 0)
    await street.enter(call, "2")
    assert await redis.zcard(spent) == 2


async def test_a_turn_that_was_given_back_is_the_first_again(street: Street) -> None:
    await street.teach(1)
    first, second = await street.accepts(2)
    await street.budget.refund(await street.paid(first))
    assert await street.enter(first, "2")
    assert (await street.waiting(second)).ahead == 0


async def test_who_has_ended_is_not_waited_for(street: Street, redis: Redis) -> None:
    await street.teach(1)
    cancelled, expired, lost, waits = await street.accepts(4)
    await street.store.change(cancelled.id, lambda call: calls.cancelled(call, now()))
    await street.store.change(expired.id, lambda call: calls.ended(call, now(), Outcome.EXPIRED))
    await redis.delete(keys.call(lost.id))
    await street.paid(waits)
    assert await redis.zcard(keys.lane("default")) == 0


async def test_whom_ringcentral_was_asked_about_is_not_waited_for(street: Street) -> None:
    await street.teach(1)
    ringing, waits = await street.accepts(2)
    await street.store.change(ringing.id, lambda call: calls.placing(call, now(), "f"))
    assert (await street.waiting(waits)).ahead == 1, "it may be given back"
    await street.store.change(ringing.id, lambda call: calls.unconfirmed(call, "x", "lost"))
    await street.paid(waits)


# When


async def test_a_closed_gate_is_told_to_all(street: Street) -> None:
    waiting = await street.accepts(3)
    refused = Payment(ME, "heavy", "refused")
    await street.budget.settle(refused, Heard(penalty=Penalty(30)))
    turns = [await street.waiting(call) for call in waiting]
    assert [turn.ahead for turn in turns] == [0, 1, 2]
    assert all(29 < turn.seconds < 32 for turn in turns)
    places = [await street.lanes.place_of(call.id, ME) for call in waiting]
    assert [place.ahead for place in places if place] == [0, 1, 2]
    assert all(place and 29 < place.seconds < 32 for place in places)


async def test_who_does_not_wait_has_no_place(street: Street) -> None:
    await street.teach(1)
    (call,) = await street.accepts(1)
    assert await street.lanes.place_of("call_none", ME) is None
    assert await street.lanes.place_of(call.id, ME) == Waiting(0, 0)
    await street.paid(call)
    assert await street.lanes.place_of(call.id, ME) is None


async def waits_after(street: Street, limit: int, ages: list[float], count: int) -> list[float]:
    """The seconds that so many calls are told to wait, where requests were answered so long ago."""
    redis = street.redis
    await redis.delete(keys.spent("default", "heavy"), keys.lane("default"))
    await street.teach(limit)
    at = now()
    if ages:
        spent = {f"p{number}": at - round(1000 * age) for number, age in enumerate(ages)}
        await redis.zadd(keys.spent("default", "heavy"), spent)
        await redis.pexpire(keys.spent("default", "heavy"), 120_000)
    await redis.zadd(keys.lane("default"), {f"call_{number:03}": number for number in range(count)})
    await redis.expire(keys.lane("default"), 60)
    places = [await street.lanes.place_of(f"call_{number:03}", ME) for number in range(count)]
    return [place.seconds for place in places if place is not None]


def modelled(limit: int, ages: list[float], count: int) -> list[float]:
    """When so many may leave: a slot is used again a window after its request was answered."""
    slots = sorted([0.0] * (limit - len(ages)) + [60 - age for age in ages])
    return [slots[rank % limit] + 60 * (rank // limit) for rank in range(count)]


def some_ages(seed: int, count: int) -> list[float]:
    chance = random.Random(seed)  # noqa: S311 - the same ones each time
    return [round(chance.uniform(1, 58), 1) for _ in range(count)]


@pytest.mark.parametrize("limit", range(1, 9))
async def test_where_all_is_spent_each_waits_for_its_slot(street: Street, limit: int) -> None:
    ages = some_ages(limit, limit)
    told = await waits_after(street, limit, ages, 20)
    assert told == sorted(told)
    assert told == pytest.approx(modelled(limit, ages, 20), abs=0.5)


@pytest.mark.parametrize("limit", range(2, 9))
async def test_where_some_is_left_each_waits_for_its_slot(street: Street, limit: int) -> None:
    ages = some_ages(limit, limit // 2)
    told = await waits_after(street, limit, ages, 20)
    assert told == sorted(told)
    assert told == pytest.approx(modelled(limit, ages, 20), abs=0.5)


async def test_requests_under_way_do_not_turn_the_order_round(street: Street) -> None:
    told = await waits_after(street, 2, [50, -15], 8)
    assert told == sorted(told)


# Waking


async def test_who_leaves_wakes_the_next(street: Street, redis: Redis) -> None:
    leaves, second, third, fourth = await street.accepts(4)
    later = await street.defer(second, third, fourth)
    await street.lanes.leave(leaves.id, "default")
    assert [await street.due(call) < later for call in (second, third, fourth)] == [
        True,
        True,
        False,
    ]
    later = await street.defer(second, third)
    await street.lanes.leave(leaves.id, "default")
    assert await street.due(second) == later, "it had left already"


async def test_who_has_paid_wakes_the_next(street: Street) -> None:
    await street.teach(4)
    first, second = await street.accepts(2)
    later = await street.defer(second)
    await street.paid(first)
    assert await street.due(second) < later


async def test_waking_is_told_to_the_workers(street: Street, redis: Redis) -> None:
    await street.teach(4)
    first, second = await street.accepts(2)
    await street.defer(second)
    async with redis.pubsub() as listening:
        await listening.subscribe(keys.WAKE)
        await street.paid(first)
        async with asyncio.timeout(5):
            while (await listening.get_message(timeout=1) or {}).get("data") != b"job":
                pass


async def test_a_job_that_a_worker_has_is_left_alone(street: Street, redis: Redis) -> None:
    leaves, busy, waits = await street.accepts(3)
    later = await street.defer(busy, waits)
    job = keys.job_id("place", busy.id)
    await redis.set(in_progress_key_prefix + job, b"1", ex=60)
    await street.lanes.leave(leaves.id, "default")
    assert await street.due(busy) == later
    assert await street.due(waits) < later


async def test_a_job_that_is_not_there_is_not_made(street: Street, redis: Redis) -> None:
    leaves, next_one = await street.accepts(2)
    job = keys.job_id("place", next_one.id)
    await redis.zrem(keys.QUEUE, job)
    await street.lanes.leave(leaves.id, "default")
    assert await redis.zscore(keys.QUEUE, job) is None


async def test_calls_far_back_start_nobody_in_vain(street: Street) -> None:
    accepted = await street.accepts(FAR_BACK + 3)
    dues = [await street.due(call) for call in accepted]
    assert all(due <= now() for due in dues[:FAR_BACK])
    assert all(due > now() + LIFE / 2 for due in dues[FAR_BACK:])


@pytest.mark.parametrize("fate", ["paid", "cancelled"])
async def test_and_all_of_them_have_their_turn(street: Street, redis: Redis, fate: str) -> None:
    """Jobs are run when they are due, and nothing is waited for."""
    await street.teach(1_000)
    accepted = await street.accepts(3 * FAR_BACK)
    by_job = {keys.job_id("place", call.id).encode(): call for call in accepted}
    left = []
    while due := await redis.zrangebyscore(keys.QUEUE, "-inf", now()):
        for job in due:
            call = by_job[job]
            if not await redis.zrem(keys.QUEUE, job):
                continue
            left.append(call)
            if fate == "paid":
                await street.paid(call)
            else:
                await street.store.change(call.id, lambda one: calls.cancelled(one, now()))
                await street.lanes.leave(call.id, "default")
    assert left == accepted


async def test_scripts_that_are_sent_twice_count_once(redis: Redis) -> None:
    street = Street.on(redis, SentTwice(redis, WORKER))
    await street.teach(1)
    first, second, third = await street.accepts(3)
    await street.paid(first)
    assert await redis.zcard(keys.spent("default", "heavy")) == 1
    assert (await street.waiting(third)).ahead == 1
    await street.lanes.leave(second.id, "default")
    assert (await street.waiting(third)).ahead == 0
    assert await redis.zcard(keys.lane("default")) == 1
