"""Forgetting a phone while other things are done to the same deliveries."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain import phones
from orchestrator.service.numbering import spellings
from orchestrator.storage import delivery_keys, keys
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.forgetting import Forgetting, Known
from tests.integration.test_forget import NUMBER, OTHER, House


@pytest.fixture
def house(redis: Redis) -> House:
    return House(redis)


class Pruned(Commands):
    """Between two chunks of the deliveries, as many older ones are dropped from their index."""

    async def execute(self, *command: Any) -> Any:
        """The answer."""
        answer = await super().execute(*command)
        if command[:2] == ("ZRANGE", delivery_keys.DELIVERIES):
            # What was answered is in hand: its members are the oldest of the index.
            await super().execute("ZREMRANGEBYRANK", delivery_keys.DELIVERIES, 0, 99)
        return answer


@pytest.mark.parametrize("step", [0, 1])
async def test_no_delivery_is_passed_over_where_others_are_dropped(
    house: House, redis: Any, step: int
) -> None:
    call_id = await house.accept("a")
    await house.end(call_id)
    await house.deliver("wd_0", call_id)
    body = await redis.hget(delivery_keys.delivery("wd_0"), "body")
    at = int(await redis.zscore(delivery_keys.DELIVERIES, "wd_0"))
    await redis.zrem(delivery_keys.DELIVERIES, "wd_0")
    names = {f"wd_{number:03}": at + step * number for number in range(700)}
    async with redis.pipeline() as sent:
        for name in names:
            sent.hset(delivery_keys.delivery(name), mapping={"call": call_id, "body": body})
            sent.expire(delivery_keys.delivery(name), 60)
        await sent.execute()
    await redis.zadd(delivery_keys.DELIVERIES, names)
    commands = Pruned(redis, WORKER)

    done = await Forgetting(commands).deliveries(spellings(NUMBER), [Known(call_id, at)])

    assert done == len(names)


async def test_both_phones_of_a_call_may_be_forgotten_at_once(house: House, redis: Any) -> None:
    call_id = await house.accept("a")
    await house.end(call_id)
    names = [await house.deliver(f"wd_{number}", call_id) for number in range(20)]

    await asyncio.gather(house.forget(NUMBER), house.forget(OTHER))

    for name in names:
        body = (await redis.hget(name, "body")).decode()
        assert phones.masked(NUMBER) not in body
        assert phones.masked(OTHER) not in body


async def test_a_body_that_is_nested_beyond_reason_is_masked_as_text(
    house: House, redis: Any
) -> None:
    call_id = await house.accept("a")
    await house.end(call_id)
    name = await house.deliver("wd_0", call_id)
    await redis.hset(name, "body", "[" * 100_000 + f'"{NUMBER}"')

    assert (await house.forget()).found == ()
    assert NUMBER.encode() not in await redis.hget(name, "body")


@pytest.mark.parametrize("name", ["callback", "delivery"])
async def test_keys_of_another_type_are_gone_past(house: House, redis: Any, name: str) -> None:
    call_id = await house.accept("a")
    await house.end(call_id)
    delivery = await house.deliver("wd_0", call_id)
    key = delivery if name == "delivery" else keys.callback(call_id)
    await redis.delete(key)
    await redis.rpush(key, "x")
    await redis.expire(key, 60)

    done = await house.forget()

    assert (done.calls, done.found) == (1, ())
    await redis.delete(key)
