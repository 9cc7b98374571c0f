"""What a phone is found by when it is forgotten: every number of a call, and for long enough."""

from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain.access import HOUSE
from orchestrator.domain.budget import Payer
from orchestrator.runtime import Backend, delivery_job, front_end, now
from orchestrator.service.accepting import Accepted
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from orchestrator.settings import Settings, load
from orchestrator.settings.derived import deliveries_kept
from orchestrator.storage import delivery_keys, keys
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.deliveries import DeliveryStore, Settled, Started
from orchestrator.storage.dispatching import Dispatching, New
from orchestrator.storage.forgetting import Forgetting, Known
from orchestrator.storage.lines import LineRules, Lines
from orchestrator.storage.suppression import Suppression
from tests.integration.accepting_kit import House as Accepting
from tests.integration.test_forget import NUMBER, OTHER, House


@pytest.fixture
def house(redis: Redis) -> House:
    return House(redis)


async def showing(redis: Redis) -> Accepted:
    """A call between two other phones, whose callee sees the number."""
    return await Accepting(redis).accept("+16505550199", callerId={"phoneNumber": NUMBER})


async def test_one_that_waits_and_shows_the_number_is_cancelled(house: House, redis: Redis) -> None:
    waits = (await showing(redis)).snapshot.id

    done = await house.forget()

    assert (done.cancelled, done.calls, done.found, done.is_done) == ((waits,), 1, (), True)


async def test_one_under_way_that_shows_the_number_is_told(house: House, redis: Redis) -> None:
    rings = (await showing(redis)).snapshot.id
    await house.ring(rings)

    done = await house.forget()

    assert (done.in_use, done.found, done.is_done) == ((rings,), (), False)
    await house.end(rings)
    assert (await house.forget()).is_done


async def test_a_number_that_is_shown_may_be_one_that_is_not_rung(redis: Redis) -> None:
    house = House(redis)
    await Suppression(house.commands, house.digests).add(NUMBER)

    assert not (await showing(redis)).replayed


@pytest.mark.parametrize("forgotten", [NUMBER, OTHER])
async def test_lines_that_ended_calls_held_go_and_those_of_others_stay(
    house: House, forgotten: str
) -> None:
    lines = Lines(house.commands, b"secret", LineRules(per_callee=True, per_caller=True))
    desk, elsewhere = Payer("desk", "400"), Payer("bell", "400")
    held, waits = await house.accept("held"), await house.accept("waits")
    another = await house.accept("another", to="+16505550199")
    body = {"to": {"phoneNumber": NUMBER}, "from": {"phoneNumber": OTHER}}
    theirs = {"to": {"phoneNumber": "+16505550199"}, "from": {"phoneNumber": "+16505550198"}}
    for call_id, payer, asked_for in (
        (held, desk, body),
        (waits, desk, body),
        (another, elsewhere, theirs),
    ):
        record = await house.store.record(call_id)
        assert record is not None
        await lines.engaged(record.call, payer, asked_for)
    assert len(await house.redis.keys("*:on-line:*")) == 4
    assert len(await house.redis.keys("*:line-queue:*")) == 2
    await house.ring(another)
    await house.end(held)

    await house.forget(forgotten)

    left = await house.redis.keys("*:on-line:*")
    assert [await house.redis.get(key) for key in left] == [another.encode()] * 2
    assert await house.redis.keys("*:line-queue:*") == []


class Overtaken(Commands):
    """Another call gets a line right after it was looked at."""

    async def execute(self, *command: Any) -> Any:
        """The answer."""
        answer = await super().execute(*command)
        if command[0] == "GET":
            await super().execute("SET", command[1], "call_next", "KEEPTTL")
        return answer


async def test_a_line_that_another_call_gets_meanwhile_stays_with_it(redis: Any) -> None:
    line = keys.on_line("callee", "d1")
    await redis.set(line, "call_ended", ex=60)

    await Forgetting(Overtaken(redis, WORKER)).held([line], [Known("call_ended", 0)])

    assert await redis.get(line) == b"call_next"


LONG = {"RINGOUT_WEBHOOK_KEPT": "2592000"}, {"RINGOUT_WEBHOOK_LADDER": "999999,999999,5"}
AGED = {"RINGOUT_RETENTION": "2592000"}, {"RINGOUT_EVENTS_MAX_AGE": "31536000"}


class Told:
    """One delivery about a call, as the settings have it kept."""

    def __init__(self, parts: Backend, settings: Settings) -> None:
        self.dispatching = Dispatching(parts.commands, parts.blocking, now, delivery_job)
        self.store = DeliveryStore(parts.commands, now, delivery_job, deliveries_kept(settings))
        self.redis: Any = parts.commands.redis
        self.key = delivery_keys.delivery("dlv_1")

    async def write(self, call_id: str) -> None:
        """An event was dispatched."""
        new = New("dlv_1", "callback", "1-0", "call.ended", call_id, "1", now(), "{}")
        await self.dispatching.write_one(new)

    async def settle(self, round_: int, settled: Settled) -> int:
        """What came of an attempt; the seconds for which it is kept then."""
        started = await self.store.begin(f"dlv_1.{round_}", "t", 1_000)
        assert isinstance(started, Started)
        assert await self.store.settle(started, settled)
        return int(await self.redis.ttl(self.key))


@pytest.mark.parametrize("given", [{}, *LONG, *AGED, {"RINGOUT_LONGEST_CALL": "60"}])
async def test_a_call_is_known_by_its_phones_as_long_as_anything_is_kept_of_it(
    redis: Any, redis_url: str, given: dict[str, str]
) -> None:
    settings = load({"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "k", **given})
    async with front_end(settings) as front:
        body = {"from": {"phoneNumber": OTHER}, "to": {"phoneNumber": NUMBER}}
        call_id = (await front.service.accept(HOUSE, Wish(parsed(body)))).snapshot.id
        known = min([await redis.ttl(key) for key in await redis.keys("*:number:*")])
        left = known - max(settings.longest_call, 3600) - 60
        assert left >= max(settings.events_max_age, settings.retention)

        told = Told(front.backend, settings)
        await told.write(call_id)
        assert 0 < await redis.ttl(told.key) <= left
        pending = Settled("pending", round(1_200 * settings.ladder[0]))
        for round_, settled in enumerate((pending, Settled("dead"), Settled("delivered"), pending)):
            assert 0 < await told.settle(1 + round_, settled) <= left
            await told.store.redeliver("dlv_1")
            assert 0 < await redis.ttl(told.key) <= left


@pytest.mark.parametrize("given", [{}, *LONG, *AGED])
async def test_all_attempts_have_their_time_and_what_came_of_them_is_kept(
    redis: Any, redis_url: str, given: dict[str, str]
) -> None:
    settings = load({"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "k", **given})
    tried = sum(max(1.2 * step, 86_400) for step in settings.ladder)
    async with front_end(settings) as front:
        told = Told(front.backend, settings)
        await told.write("call_1")
        await redis.hset(told.key, mapping={"createdMs": round(now() - 1000 * tried)})

        assert await told.settle(1, Settled("dead")) > settings.retention - 60
        await told.store.redeliver("dlv_1")
        assert await told.settle(2, Settled("delivered")) > settings.webhook_kept - 60
