"""The pause switch on a real server: the fence obeys it, and its end starts who waited."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from redis.asyncio import Redis

from orchestrator.domain import calls
from orchestrator.domain.budget import Payer
from orchestrator.domain.calls import Call
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.domain.words import State
from orchestrator.runtime import now
from orchestrator.service.pausing import Pausing
from orchestrator.storage import keys, scripts
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.audit import Actor, Audit
from orchestrator.storage.budget import gates
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.obstacles import Obstacles
from orchestrator.storage.pauses import Held, Pauses
from orchestrator.storage.scripts import Script
from tests.integration.test_lanes import Street

OBSTACLES = Obstacles(gates(Payer(), "heavy"), ["a phone"])


@pytest.fixture
def street(redis: Redis) -> Street:
    return Street.on(redis)


@pytest.fixture
def pauses(redis: Redis) -> Pauses:
    return Pauses(Commands(redis, WORKER))


async def fence(street: Street, call: Call) -> bool:
    written = await street.store.change(
        call.id, lambda known: calls.placing(known, now(), "fence"), obstacles=OBSTACLES
    )
    return written.applied


@pytest.mark.parametrize(
    ("paused", "owner", "holds"),
    [
        (None, "", True),
        (None, "k1", True),
        ("k1", "k1", True),
        ("k1", "k2", False),
        ("k1", "", False),
        ("house", "", False),
    ],
)
async def test_the_fence_obeys_the_pause(
    street: Street, pauses: Pauses, paused: str | None, owner: str, *, holds: bool
) -> None:
    (call,) = await street.accepts(1, owner=owner)
    await pauses.begin(paused, "drill", "me", now())
    if not holds:
        assert await fence(street, call)
        return
    with pytest.raises(Held) as held:
        await fence(street, call)
    assert (held.value.pause.reason, held.value.pause.by) == ("drill", "me")
    record = await street.store.record(call.id)
    assert record is not None
    assert record.call.state is State.QUEUED
    assert await pauses.end(paused)
    assert await fence(street, call)


async def test_other_changes_do_not_obey_it(street: Street, pauses: Pauses) -> None:
    (call,) = await street.accepts(1)
    await pauses.begin(None, "", "me", now())
    written = await street.store.change(call.id, lambda known: calls.cancelled(known, now()))
    assert written.record.call.is_over


async def test_the_house_s_pause_comes_first_and_each_ends_by_itself(pauses: Pauses) -> None:
    await pauses.begin(None, "all", "me", now())
    await pauses.begin("k1", "one", "me", now())
    both = await pauses.read()
    assert [pause and pause.reason for pause in map(both.of, ("k1", "", "k2"))] == ["all"] * 3
    assert await pauses.end(None)
    assert not await pauses.end(None)
    one = await pauses.read()
    assert [pause and pause.reason for pause in map(one.of, ("k1", ""))] == ["one", None]


async def test_the_end_starts_who_waited_in_order(
    redis: Redis, street: Street, pauses: Pauses
) -> None:
    mine = await street.accepts(3, owner="k1")
    for call in mine:
        await redis.zadd(keys.QUEUE, {keys.job_id("place", call.id): now() + 60_000})
        await street.lanes.leave(call.id, call.credential)
    await pauses.begin("k1", "", "me", now())
    await pauses.begin(None, "", "me", now())
    await pauses.end("k1")
    assert max([await street.due(call) for call in mine]) <= now()
    assert not await redis.zrange(keys.lane("default"), 0, -1)
    for call in mine:
        await redis.zadd(keys.QUEUE, {keys.job_id("place", call.id): now() + 60_000})
    await pauses.end(None)
    assert max([await street.due(call) for call in mine]) <= now()
    lane = await redis.zrange(keys.lane("default"), 0, -1)
    assert [one.decode() for one in lane] == [call.id for call in mine]


class Interrupted(Commands):
    """Somebody pauses the house again right after the first of the scripts that end a pause."""

    is_done = False

    async def run(self, script: Script, names: Sequence[str], *args: Any) -> Any:
        answer = await super().run(script, names, *args)
        if script is scripts.RESUME and not self.is_done:
            self.is_done = True
            await Pauses(Commands(self.redis, WORKER)).begin(None, "second", "me", now())
        return answer


async def test_a_pause_that_begins_meanwhile_goes_on(redis: Redis, street: Street) -> None:
    await street.accepts(1)
    pauses = Pauses(Interrupted(redis, WORKER))
    await pauses.begin(None, "first", "me", now())

    assert await pauses.end(None)

    house = (await pauses.read()).house
    assert house is not None
    assert house.reason == "second"
    assert await Pauses(Commands(redis, WORKER)).end(None)


async def test_the_end_of_a_key_s_pause_is_nothing_to_others(
    redis: Redis, street: Street, pauses: Pauses
) -> None:
    (other,) = await street.accepts(1, owner="k2")
    await redis.zadd(keys.QUEUE, {keys.job_id("place", other.id): now() + 60_000})
    await pauses.begin("k1", "", "me", now())
    await pauses.end("k1")
    assert await street.due(other) > now() + 50_000


@pytest.mark.parametrize("moments", [1201, 2, 1])
async def test_more_calls_than_one_script_starts(
    redis: Redis, street: Street, pauses: Pauses, moments: int
) -> None:
    many = await street.accepts(1201)
    accepted = {call.id: now() - number % moments for number, call in enumerate(many)}
    await redis.zadd(keys.state(State.QUEUED), accepted)
    later = {keys.job_id("place", call.id): now() + 60_000 for call in many}
    await redis.zadd(keys.QUEUE, later)
    await pauses.begin(None, "", "me", now())
    await pauses.end(None)
    assert await redis.zcount(keys.QUEUE, now() + 1000, "+inf") == 0


async def test_a_job_that_runs_when_the_pause_ends_is_run_again_at_once(
    redis: Redis, street: Street, pauses: Pauses
) -> None:
    (call,) = await street.accepts(1)
    job = keys.job_id("place", call.id)
    await redis.set(keys.in_progress(job), "1", px=5_000)
    await pauses.begin(None, "", "me", now())
    await pauses.end(None)
    commands = Commands(redis, WORKER)
    await commands.run(scripts.RETRY_JOB, [keys.QUEUE, keys.in_progress(job)], job, 60_000)
    assert await street.due(call) <= now() + 1000
    await commands.run(scripts.RETRY_JOB, [keys.QUEUE, keys.in_progress(job)], job, 60_000)
    assert await street.due(call) > now() + 50_000


async def test_a_pause_waits_for_what_was_begun_before_it(street: Street, pauses: Pauses) -> None:
    first, second = await street.accepts(2)
    assert await fence(street, first)
    await pauses.begin(None, "", "me", now())
    assert await pauses.settled(0.05) == 1
    settling = asyncio.create_task(pauses.settled(10))
    await street.store.change(first.id, lambda call: calls.released(call, now(), "fence"))
    assert await settling == 0
    assert second.state is State.QUEUED


class Cut(Commands):
    """Redis is away after the first of the scripts that end a pause."""

    async def run(self, script: Script, names: Sequence[str], *args: Any) -> Any:
        answer = await super().run(script, names, *args)
        if script is scripts.RESUME:
            raise StorageUnavailable("Redis did not answer in time.", retry_after=1)
        return answer


def _pausing(commands: Commands) -> Pausing:
    return Pausing(Pauses(commands), ApiKeys(commands, now), Audit(commands, now), now)


@pytest.mark.parametrize("is_paused_anew", [False, True])
async def test_a_resume_that_was_cut_off_is_said_again(
    redis: Redis, street: Street, pauses: Pauses, *, is_paused_anew: bool
) -> None:
    many = await street.accepts(901, owner="k1")
    later = {keys.job_id("place", call.id): now() + 60_000 for call in many}
    await redis.zadd(keys.QUEUE, later)
    await pauses.begin(None, "", "me", now())
    actor = Actor("", "me", "cli")
    with pytest.raises(StorageUnavailable):
        await _pausing(Cut(redis, WORKER)).resume(actor, None)
    assert await redis.zcount(keys.QUEUE, now() + 1000, "+inf") == 401
    if is_paused_anew:
        await pauses.begin("k1", "another", "me", now())
    assert not await _pausing(Commands(redis, WORKER)).resume(actor, None)
    assert await redis.zcount(keys.QUEUE, now() + 1000, "+inf") == 0
    assert ("k1" in (await pauses.read()).keys) == is_paused_anew
