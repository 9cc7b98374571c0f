"""Phones that only one call has at a time, and the cap of an account, on a real server."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain import calls
from orchestrator.domain.budget import Payer
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.errors import UpstreamGated
from orchestrator.domain.status import NOT_SPOKEN
from orchestrator.domain.words import Outcome
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.storage import keys
from orchestrator.storage.budget import gates
from orchestrator.storage.calls import CallStore, Decide, StoreOptions
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.lines import LineRules, Lines
from orchestrator.storage.obstacles import Obstacles
from tests.harness.twice import SentTwice

DESK, BELL = Payer("desk", "400"), Payer("bell", "400")
ABROAD = Payer("abroad", "500")
ANNA, BERT, CARL = "+16505550123", "+16505550124", "+16505550125"
HOME, AWAY = "+16505550100", "+16505550101"
CALLEE, CALLER = LineRules(per_callee=True), LineRules(per_caller=True)


def asking(to: str = ANNA, **caller: str) -> dict[str, Any]:
    """What RingCentral is to be asked."""
    return {"to": {"phoneNumber": to}, **({"from": caller} if caller else {})}


class Exchange:
    """Calls, and the lines that they ask for."""

    def __init__(self, redis: Redis, commands: type[Commands] = Commands) -> None:
        self.redis = redis
        self.commands = commands(redis, WORKER)
        self.store = CallStore(self.commands, now, follow_ups(), StoreOptions())

    def lines(self, rules: LineRules, secret: bytes = b"secret") -> Lines:
        return Lines(self.commands, secret, rules)

    async def call(self, number: int) -> Call:
        at = now()
        call = Call(f"call_{number}", "http://x/call", "~", "101", at, at + 60_000)
        await self.store.accept(call, asking())
        return call

    async def several(self, count: int) -> list[Call]:
        return [await self.call(number) for number in range(count)]

    async def ends(self, call: Call) -> None:
        await self.store.change(call.id, lambda one: calls.ended(one, now(), Outcome.COMPLETED))


@pytest.fixture
def exchange(redis: Redis) -> Exchange:
    return Exchange(redis)


async def test_without_rules_nothing_is_held(exchange: Exchange, redis: Redis) -> None:
    first, second = await exchange.several(2)
    lines = exchange.lines(LineRules())
    assert not await lines.engaged(first, DESK, asking(phoneNumber=HOME))
    assert not await lines.engaged(second, DESK, asking(phoneNumber=HOME))
    assert await redis.keys("*on-line*") == []


async def test_an_extension_calls_a_phone_once_at_a_time(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(CALLEE)
    assert not await lines.engaged(first, DESK, asking(ANNA))
    assert not await lines.engaged(first, DESK, asking(ANNA)), "the holder may ask again"
    assert await lines.engaged(second, DESK, asking(ANNA))
    assert not await lines.engaged(second, DESK, asking(BERT))
    assert not await lines.engaged(third, BELL, asking(ANNA)), (
        "another extension's call is another's"
    )


async def test_a_line_is_free_when_its_call_has_ended(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(CALLEE)
    await lines.engaged(first, DESK, asking(ANNA))
    await exchange.store.change(first.id, lambda call: calls.placing(call, now(), "f"))
    assert await lines.engaged(second, DESK, asking(ANNA))
    await exchange.ends(first)
    assert not await lines.engaged(second, DESK, asking(ANNA))
    assert await lines.engaged(third, DESK, asking(ANNA))


async def test_a_line_is_free_when_its_call_is_forgotten(exchange: Exchange, redis: Redis) -> None:
    first, second = await exchange.several(2)
    lines = exchange.lines(CALLEE)
    await lines.engaged(first, DESK, asking(ANNA))
    await redis.delete(keys.call(first.id))
    assert not await lines.engaged(second, DESK, asking(ANNA))


async def test_a_phone_makes_one_call_at_a_time_whoever_asks(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(CALLER)
    assert not await lines.engaged(first, DESK, asking(ANNA, phoneNumber=HOME))
    assert await lines.engaged(second, BELL, asking(BERT, phoneNumber=HOME))
    assert not await lines.engaged(third, DESK, asking(ANNA, phoneNumber=AWAY))
    await exchange.ends(first)
    assert not await lines.engaged(second, BELL, asking(BERT, phoneNumber=HOME))


@pytest.mark.parametrize("caller", [{"forwardingNumberId": "7"}, {}], ids=["by its id", "unnamed"])
async def test_a_device_is_its_extension_s(exchange: Exchange, caller: dict[str, str]) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(CALLER)
    assert not await lines.engaged(first, DESK, asking(ANNA, **caller))
    assert await lines.engaged(second, DESK, asking(BERT, **caller))
    assert not await lines.engaged(second, DESK, asking(BERT, forwardingNumberId="8"))
    assert not await lines.engaged(third, BELL, asking(ANNA, **caller))


async def test_an_account_has_so_many_calls_at_a_time(exchange: Exchange) -> None:
    first, second, third, fourth = await exchange.several(4)
    lines = exchange.lines(LineRules(account_calls=2))
    assert not await lines.engaged(first, DESK, asking(ANNA))
    assert not await lines.engaged(second, BELL, asking(BERT))
    assert not await lines.engaged(first, DESK, asking(ANNA)), "it has its place"
    assert await lines.engaged(third, DESK, asking(CARL))
    assert not await lines.engaged(fourth, ABROAD, asking(CARL))
    await exchange.ends(second)
    assert not await lines.engaged(third, DESK, asking(CARL))


async def test_all_lines_or_none(exchange: Exchange, redis: Redis) -> None:
    first, second, third, fourth = await exchange.several(4)
    rules = replace(CALLEE, per_caller=True, account_calls=2)
    lines = exchange.lines(rules)
    assert not await lines.engaged(first, DESK, asking(ANNA, phoneNumber=HOME))
    assert await lines.engaged(second, DESK, asking(BERT, phoneNumber=HOME))
    assert await redis.zcard(keys.account_calls("400")) == 1, "no place is taken in vain"
    assert not await lines.engaged(third, DESK, asking(BERT, phoneNumber=AWAY)), "nor a phone"
    assert await lines.engaged(fourth, DESK, asking(CARL, phoneNumber="+16505550102"))
    uncapped = exchange.lines(replace(rules, account_calls=0))
    assert not await uncapped.engaged(second, DESK, asking(CARL, phoneNumber="+16505550102")), (
        "a call that the cap keeps back holds no phone"
    )


async def test_no_line_outlives_what_is_followed(exchange: Exchange, redis: Redis) -> None:
    (first,) = await exchange.several(1)
    rules = LineRules(per_callee=True, per_caller=True, account_calls=1, longest_call=90_000)
    await exchange.lines(rules).engaged(first, DESK, asking(ANNA, phoneNumber=HOME))
    held = [keys.account_calls("400").encode(), *await redis.keys("*on-line*")]
    assert len(held) == 3
    for key in held:
        assert 80_000 < await redis.pttl(key) <= 90_000


async def test_no_number_is_written_down(exchange: Exchange, redis: Redis) -> None:
    (first,) = await exchange.several(1)
    rules = LineRules(per_callee=True, per_caller=True)
    await exchange.lines(rules).engaged(first, DESK, asking(ANNA, phoneNumber=HOME))
    names = await redis.keys("*on-line*")
    await exchange.lines(rules, b"another").engaged(first, DESK, asking(ANNA, phoneNumber=HOME))
    assert len(await redis.keys("*on-line*")) == 4, "whoever has no key cannot try numbers out"
    written = repr(names) + repr([await redis.get(name) for name in names])
    assert "5550123" not in written
    assert "5550100" not in written


async def test_a_script_that_is_sent_twice_holds_once(redis: Redis) -> None:
    exchange = Exchange(redis, SentTwice)
    first, second = await exchange.several(2)
    lines = exchange.lines(LineRules(per_callee=True, account_calls=1))
    assert not await lines.engaged(first, DESK, asking(ANNA))
    assert await lines.engaged(second, DESK, asking(BERT))
    assert await redis.zcard(keys.account_calls("400")) == 1


async def test_those_that_wait_for_a_phone_get_it_in_order(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(CALLER)
    asked = asking(ANNA, phoneNumber=HOME)
    assert not await lines.engaged(first, DESK, asked)
    assert await lines.engaged(third, DESK, asked)
    assert await lines.engaged(second, DESK, asked)
    await exchange.ends(first)
    assert await lines.engaged(third, DESK, asked), "the second was accepted earlier"
    assert not await lines.engaged(second, DESK, asked)


async def test_a_place_in_the_account_passes_in_order_of_each_extension(
    exchange: Exchange,
) -> None:
    first, second, third, other = await exchange.several(4)
    lines = exchange.lines(LineRules(account_calls=1))
    assert not await lines.engaged(first, DESK, asking())
    assert await lines.engaged(second, DESK, asking())
    assert await lines.engaged(other, BELL, asking())
    await exchange.ends(first)
    assert await lines.engaged(third, DESK, asking())
    assert not await lines.engaged(other, BELL, asking()), "a burst of others keeps nobody back"


async def test_who_waits_no_more_keeps_nobody_back(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(CALLEE)
    assert not await lines.engaged(first, DESK, asking(ANNA))
    assert await lines.engaged(second, DESK, asking(ANNA))
    await exchange.ends(first)
    await exchange.ends(second)
    assert not await lines.engaged(third, DESK, asking(ANNA))


async def test_a_phone_is_not_kept_for_who_waits_for_another(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(replace(CALLEE, per_caller=True))
    assert not await lines.engaged(first, DESK, asking(ANNA, phoneNumber=HOME))
    assert await lines.engaged(second, DESK, asking(ANNA, phoneNumber=AWAY))
    assert not await lines.engaged(third, DESK, asking(BERT, phoneNumber=AWAY))


async def test_only_the_first_of_many_ask_often(exchange: Exchange, redis: Redis) -> None:
    made = await exchange.several(8)
    lines = exchange.lines(CALLER)
    asked = asking(ANNA, phoneNumber=HOME)
    waits = [await lines.engaged(call, DESK, asked) for call in made]
    assert waits[:4] == [0, 0.5, 0.5, 0.5]
    assert min(waits[4:]) >= 5
    fourth = keys.job_id("place", made[4].id)
    later = await redis.zscore(keys.QUEUE, fourth) or 0
    await redis.zadd(keys.QUEUE, {fourth: later + 60_000})
    await exchange.ends(made[0])
    assert not await lines.engaged(made[1], DESK, asked)
    assert (await redis.zscore(keys.QUEUE, fourth) or 0) < later + 30_000, "it is next by now"


# What is held back by a pause or by its hours


async def test_who_is_held_back_keeps_nobody_waiting(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(replace(CALLEE, account_calls=1))
    assert not await lines.engaged(first, DESK, asking(ANNA))
    assert await lines.engaged(second, DESK, asking(ANNA))
    await exchange.ends(first)
    assert await lines.engaged(third, DESK, asking(ANNA)), "the second was accepted earlier"
    await lines.leave(second, DESK, asking(ANNA))
    assert not await lines.engaged(third, DESK, asking(ANNA))


async def test_what_a_call_has_that_is_held_back_is_free(exchange: Exchange, redis: Redis) -> None:
    first, second = await exchange.several(2)
    lines = exchange.lines(LineRules(per_callee=True, per_caller=True, account_calls=1))
    asked = asking(ANNA, phoneNumber=HOME)
    assert not await lines.engaged(first, DESK, asked)
    await lines.leave(first, DESK, asked)
    assert await redis.keys("*on-line*") == []
    assert not await lines.engaged(second, DESK, asked)
    await lines.leave(first, DESK, asked)
    assert await lines.engaged(first, DESK, asked), "what is another's by now stays so"


async def test_who_was_held_back_takes_its_place_again(exchange: Exchange) -> None:
    first, second, third = await exchange.several(3)
    lines = exchange.lines(CALLER)
    asked = asking(ANNA, phoneNumber=HOME)
    assert not await lines.engaged(first, DESK, asked)
    assert await lines.engaged(second, DESK, asked)
    assert await lines.engaged(third, DESK, asked)
    await lines.leave(second, DESK, asked)
    assert await lines.engaged(second, DESK, asked)
    await exchange.ends(first)
    assert await lines.engaged(third, DESK, asked)
    assert not await lines.engaged(second, DESK, asked)


async def test_the_next_ones_of_who_is_held_back_ask_soon(exchange: Exchange, redis: Redis) -> None:
    made = await exchange.several(5)
    lines = exchange.lines(CALLER)
    asked = asking(ANNA, phoneNumber=HOME)
    for call in made:
        await lines.engaged(call, DESK, asked)
    last = keys.job_id("place", made[4].id)
    later = await redis.zscore(keys.QUEUE, last) or 0
    await redis.zadd(keys.QUEUE, {last: later + 60_000})
    await lines.leave(made[1], DESK, asked)
    assert (await redis.zscore(keys.QUEUE, last) or 0) < later + 30_000, "it is the third by now"


def _fenced(call: Call) -> Change | None:
    return calls.placing(call, now(), "f")


def _unclear(call: Call) -> Change | None:
    return calls.unconfirmed(call, "timeout", "No answer.")


def _placed(call: Call) -> Change | None:
    return calls.placed(call, now(), "f", "s-1", NOT_SPOKEN)


@pytest.mark.parametrize(
    "steps", [[_fenced], [_fenced, _unclear], [_fenced, _placed]], ids=["asked", "unclear", "rings"]
)
async def test_what_ringcentral_may_have_been_asked_for_keeps_its_lines(
    exchange: Exchange, steps: list[Decide]
) -> None:
    first, second = await exchange.several(2)
    lines = exchange.lines(LineRules(per_callee=True, per_caller=True, account_calls=1))
    asked = asking(ANNA, phoneNumber=HOME)
    assert not await lines.engaged(first, DESK, asked)
    for step in steps:
        assert (await exchange.store.change(first.id, step)).applied
    await lines.leave(first, DESK, asked)
    for rules in (CALLEE, CALLER, LineRules(account_calls=1)):
        assert await exchange.lines(rules).engaged(second, DESK, asked)


@pytest.mark.parametrize(
    "rules", [CALLEE, CALLER, LineRules(account_calls=1)], ids=["callee", "caller", "cap"]
)
async def test_the_fence_is_not_written_without_the_lines(
    exchange: Exchange, rules: LineRules
) -> None:
    first, second = await exchange.several(2)
    lines, asked = exchange.lines(rules), asking(ANNA, phoneNumber=HOME)
    obstacles = Obstacles(gates(DESK, "heavy"), [], lines.needed(DESK, asked))

    async def fences(call: Call) -> bool:
        return (await exchange.store.change(call.id, _fenced, obstacles=obstacles)).applied

    assert not await lines.engaged(first, DESK, asked)
    await lines.leave(first, DESK, asked)  # another run of its job, which saw a pause
    with pytest.raises(UpstreamGated):
        await fences(first)
    assert not await lines.engaged(second, DESK, asked)
    with pytest.raises(UpstreamGated):
        await fences(first)
    assert await fences(second)


async def test_whatever_runs_at_the_same_time_one_call_is_asked_for(exchange: Exchange) -> None:
    rules = LineRules(per_callee=True, per_caller=True, account_calls=1)
    lines, asked = exchange.lines(rules), asking(ANNA, phoneNumber=HOME)
    obstacles = Obstacles(gates(DESK, "heavy"), [], lines.needed(DESK, asked))
    made = await exchange.several(6)

    async def run(call: Call) -> bool:
        for _ in range(20):
            if await lines.engaged(call, DESK, asked):
                continue
            with suppress(UpstreamGated):
                return (await exchange.store.change(call.id, _fenced, obstacles=obstacles)).applied
        return False

    async def hold(call: Call) -> None:
        for _ in range(20):
            await lines.leave(call, DESK, asked)

    fenced = await asyncio.gather(*(run(call) for call in made), *(hold(call) for call in made))
    assert [one for one in fenced if one] == [True]


async def test_a_worker_that_dies_between_the_steps_is_repeated(redis: Redis) -> None:
    exchange = Exchange(redis, SentTwice)
    first, second = await exchange.several(2)
    lines = exchange.lines(LineRules(per_callee=True, account_calls=1))
    assert not await lines.engaged(first, DESK, asking(ANNA))
    await lines.leave(first, DESK, asking(ANNA))
    await lines.leave(first, DESK, asking(ANNA))
    assert not await lines.engaged(second, DESK, asking(ANNA))
    await lines.leave(first, DESK, asking(ANNA))
    assert await lines.engaged(first, DESK, asking(ANNA))
