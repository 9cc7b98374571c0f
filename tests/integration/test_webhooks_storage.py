"""Deliveries on a real server: every script may be sent twice, and by two at a time."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain.access import HOUSE
from orchestrator.domain.errors import DeliveryNotFound, WebhookNotFound
from orchestrator.runtime import FrontEnd, delivery_job, front_end, now
from orchestrator.service.webhook_models import WebhookChange, WebhookRequest
from orchestrator.settings import load
from orchestrator.storage import delivery_keys
from orchestrator.storage.connection import WORKER, Commands
from orchestrator.storage.deliveries import (
    PENDING_TTL_S,
    DeliveryStore,
    Kept,
    NotNow,
    Settled,
    Started,
)
from orchestrator.storage.delivery_list import DeliveryList
from orchestrator.storage.dispatching import BEGINNING, Dispatching, New, Step

HOUR_MS = 3_600_000
LEASE_MS = 60_000


class Counting(Commands):
    """Counts what is sent."""

    sent = 0

    async def execute(self, *command: Any) -> Any:
        """The answer."""
        self.sent += 1
        return await super().execute(*command)


class Parts:
    """What the dispatcher and the deliverer ask."""

    def __init__(self, front: FrontEnd, webhook: str, version: str) -> None:
        commands, blocking = front.backend.commands, front.backend.blocking
        self.front, self.webhook, self.version = front, webhook, version
        self.dispatching = Dispatching(commands, blocking, now, delivery_job)
        self.store = DeliveryStore(commands, now, delivery_job)
        self.redis: Any = commands.redis

    def new(self, number: int, call: str = "call_1") -> New:
        """A delivery."""
        name = f"dlv_{number:032x}"
        return New(name, self.webhook, f"{number}-0", "call.queued", call, "1", now(), "{}")

    async def written(self, *numbers: int) -> list[str]:
        """Deliveries about one call, in order; their ids."""
        made = [self.new(number) for number in numbers]
        for one in made:
            await self.dispatching.write_one(one)
        return [one.id for one in made]

    async def begun(self, delivery_id: str, round_: int = 1, by: str = "t") -> Started:
        """A delivery under way."""
        started = await self.store.begin(f"{delivery_id}.{round_}", by, LEASE_MS)
        assert isinstance(started, Started), started
        return started

    async def aged(self, delivery_id: str, seconds: int) -> str:
        """Its event was written so long ago, and it is kept accordingly; its key."""
        key = delivery_keys.delivery(delivery_id)
        await self.redis.hset(key, mapping={"createdMs": now() - 1000 * seconds})
        await self.redis.expire(key, Kept().at_most - seconds)
        return key

    async def jobs(self) -> list[str]:
        """The deliveries' jobs, by due time."""
        names = await self.redis.zrange("ringout:v1:{ringout}:queue", 0, -1)
        return [name.decode().rpartition(":")[2] for name in names]

    async def pending(self) -> int:
        """What the webhook says is under way."""
        return (await self.front.webhooks.webhooks.get(self.webhook)).health.pending


@pytest.fixture
async def parts(redis_url: str) -> AsyncIterator[Parts]:
    """A webhook, and no worker."""
    async with front_end(load({"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "k"})) as front:
        wish = WebhookRequest(url="https://example.com/")
        webhook, _ = await front.webhooks.create(HOUSE, wish)
        yield Parts(front, webhook.id, await front.webhooks.webhooks.version())


async def test_a_step_that_is_sent_twice_counts_once(parts: Parts) -> None:
    assert await parts.dispatching.may_dispatch("me")
    step = Step("me", BEGINNING, "5-0", parts.version)
    made = [parts.new(1), parts.new(2)]
    assert await parts.dispatching.write(step, made) == "written"
    assert await parts.dispatching.write(step, made) == "moved"
    assert await parts.dispatching.cursor() == "5-0"
    assert await parts.pending() == 2
    assert await parts.jobs() == [f"{made[0].id}.1"]


async def test_a_step_of_one_who_has_lost_the_right_changes_nothing(parts: Parts) -> None:
    assert await parts.dispatching.may_dispatch("other")
    assert not await parts.dispatching.may_dispatch("me")
    step = Step("me", BEGINNING, "5-0", parts.version)
    assert await parts.dispatching.write(step, [parts.new(1)]) == "lost"
    assert (await parts.dispatching.cursor(), await parts.pending()) == (BEGINNING, 0)


async def test_a_step_that_was_decided_on_other_webhooks_changes_nothing(parts: Parts) -> None:
    assert await parts.dispatching.may_dispatch("me")
    await parts.front.webhooks.create(HOUSE, WebhookRequest(url="https://example.com/2"))
    step = Step("me", BEGINNING, "5-0", parts.version)
    assert await parts.dispatching.write(step, [parts.new(1)]) == "stale"
    assert (await parts.dispatching.cursor(), await parts.pending()) == (BEGINNING, 0)


async def test_events_that_are_read_again_make_no_second_delivery(parts: Parts) -> None:
    ids = await parts.written(1)
    await parts.written(1)
    assert await parts.pending() == 1
    assert await parts.jobs() == [f"{ids[0]}.1"]


async def test_one_attempts_at_a_time(parts: Parts) -> None:
    (one,) = await parts.written(1)
    await parts.begun(one)
    await parts.begun(one)
    other = await parts.store.begin(f"{one}.1", "other", LEASE_MS)
    assert isinstance(other, NotNow)
    assert other.wait is not None
    assert LEASE_MS - 5_000 < other.wait <= LEASE_MS


async def test_the_next_of_a_call_begins_when_the_first_attempt_before_it_is_over(
    parts: Parts,
) -> None:
    first, second, third = await parts.written(1, 2, 3)
    assert await parts.store.begin(f"{second}.1", "t", LEASE_MS) == NotNow(None)
    assert await parts.jobs() == [f"{first}.1"]
    started = await parts.begun(first)
    assert await parts.store.settle(started, Settled("pending", HOUR_MS, code="status"))
    assert not await parts.store.settle(started, Settled("delivered"))
    assert set(await parts.jobs()) == {f"{first}.1", f"{second}.1"}
    later = await parts.store.begin(f"{first}.1", "t", LEASE_MS)
    assert isinstance(later, NotNow)
    assert later.wait is not None
    assert later.wait > HOUR_MS - 60_000
    assert await parts.store.settle(await parts.begun(second), Settled("delivered", status=204))
    assert f"{third}.1" in await parts.jobs()
    assert await parts.pending() == 2


async def test_an_attempt_that_was_overtaken_by_a_redelivery_does_not_count(parts: Parts) -> None:
    (one,) = await parts.written(1)
    started = await parts.begun(one)
    assert await parts.store.settle(started, Settled("pending", 0, code="status"))
    old = await parts.begun(one, by="old")
    await parts.store.redeliver(one)
    assert not await parts.store.settle(old, Settled("dead", code="status"))
    assert await parts.store.begin(f"{one}.1", "t", LEASE_MS) == NotNow(None)
    new = await parts.begun(one, 2, "new")
    assert new.attempts == 1
    assert await parts.store.settle(new, Settled("delivered", status=200))
    await parts.store.redeliver(one)
    assert (await parts.begun(one, 3)).attempts == 0
    assert await parts.pending() == 1


async def test_what_waits_for_its_first_attempt_keeps_its_turn(parts: Parts) -> None:
    _, second = await parts.written(1, 2)
    await parts.store.redeliver(second)
    assert await parts.store.begin(f"{second}.1", "t", LEASE_MS) == NotNow(None)


async def test_a_job_that_was_lost_is_written_again(parts: Parts) -> None:
    (one,) = await parts.written(1)
    assert await parts.dispatching.overdue(-1_000, 0) == [one]
    assert not await parts.dispatching.ensure_job(one)
    await parts.redis.delete("ringout:v1:{ringout}:queue")
    assert await parts.dispatching.ensure_job(one)
    assert await parts.jobs() == [f"{one}.1"]
    await parts.store.settle(await parts.begun(one), Settled("delivered"))
    assert not await parts.dispatching.ensure_job(one)
    assert await parts.dispatching.overdue(-1_000, 0) == []


async def test_indexes_forget_what_is_not_kept(parts: Parts) -> None:
    first, second = await parts.written(1, 2)
    index = "ringout:v1:{ringout}:deliveries"
    await parts.redis.delete(f"ringout:v1:{{ringout}}:delivery:{first}")
    assert await parts.dispatching.prune(index, 0) == (2, 1)
    assert await parts.redis.zrange(index, 0, -1) == [second.encode()]


async def test_a_webhook_with_too_much_waiting_is_disabled_and_says_so(parts: Parts) -> None:
    key = f"ringout:v1:{{ringout}}:webhook:{parts.webhook}"
    await parts.redis.execute_command("HSET", key, "pending", 20_000)
    await parts.written(1)
    webhook = await parts.front.webhooks.webhooks.get(parts.webhook)
    assert webhook.disabled is not None
    assert webhook.disabled.code == "backlog_full"
    assert await parts.jobs() == []


async def test_what_is_not_there_is_told(parts: Parts) -> None:
    with pytest.raises(DeliveryNotFound):
        await parts.store.redeliver("dlv_x")
    with pytest.raises(WebhookNotFound):
        await parts.front.webhooks.webhooks.delete("wh_x")
    (one,) = await parts.written(1)
    await parts.front.webhooks.webhooks.delete(parts.webhook)
    with pytest.raises(DeliveryNotFound):
        await parts.store.redeliver(one)


async def test_what_a_former_url_answers_is_not_held_against_the_present_one(parts: Parts) -> None:
    service = parts.front.webhooks
    (one,) = await parts.written(1)
    started = await parts.begun(one)
    for _ in range(3):
        await service.webhooks.judge(parts.webhook, "failed", started.url, now(), "500", HOUR_MS)
    wish = WebhookChange.model_validate({"url": "https://example.com/other"})
    changed = await service.change(HOUSE, parts.webhook, wish)
    assert (changed.health.failures, changed.health.failing_since) == (0, None)
    for word in ("failed", "gone"):
        judged = await service.webhooks.judge(parts.webhook, word, started.url, now(), "410", 0)
        assert judged is False
    webhook = await service.webhooks.get(parts.webhook)
    assert (webhook.disabled, webhook.health.failures) == (None, 0)
    assert await service.webhooks.judge(parts.webhook, "gone", wish.url, now(), "410", 0)


async def test_making_dead_ones_anew_does_not_look_at_all_that_were_delivered(parts: Parts) -> None:
    other, _ = await parts.front.webhooks.create(HOUSE, WebhookRequest(url="https://example.com/2"))
    ids = await parts.written(*range(40))
    for one in ids[:-1]:
        await parts.store.settle(await parts.begun(one), Settled("delivered", status=204))
    await parts.store.settle(await parts.begun(ids[-1]), Settled("dead", code="status"))
    counting = Counting(parts.redis, WORKER)
    listing = DeliveryList(counting)
    assert [found async for found in listing.dead_since(parts.webhook, 0)] == [[ids[-1]]]
    assert [found async for found in listing.dead_since(other.id, 0)] == []
    assert counting.sent < 10


HOUR_S = 3_600


@pytest.mark.parametrize("end", ["delivered", "dead"])
async def test_one_that_is_made_anew_is_kept_no_longer_for_it(parts: Parts, end: str) -> None:
    (one,) = await parts.written(1)
    await parts.store.settle(await parts.begun(one), Settled(end))
    key = await parts.aged(one, Kept().at_most - 2 * HOUR_S)

    await parts.store.redeliver(one)
    assert HOUR_S < await parts.redis.ttl(key) <= 2 * HOUR_S
    await parts.store.settle(await parts.begun(one, 2), Settled(end))
    assert HOUR_S < await parts.redis.ttl(key) <= 2 * HOUR_S
    assert await parts.pending() == 0

    await parts.aged(one, Kept().at_most - HOUR_S + 60)
    with pytest.raises(DeliveryNotFound):
        await parts.store.redeliver(one)
    assert await parts.pending() == 0


async def test_what_would_be_attempted_when_nothing_is_kept_of_it_is_given_up(
    parts: Parts,
) -> None:
    (one,) = await parts.written(1)
    key = await parts.aged(one, Kept().at_most - 2 * HOUR_S)
    await parts.store.settle(await parts.begun(one), Settled("pending", HOUR_MS))
    await parts.store.redeliver(one)
    assert await parts.redis.hget(key, "state") == b"pending"

    await parts.store.settle(await parts.begun(one, 2), Settled("pending", 3 * HOUR_MS))

    assert await parts.redis.hmget(key, ["state", "nextAttemptMs"]) == [b"dead", b""]
    assert (await parts.redis.hget(key, "settledAt")) is not None
    assert await parts.redis.ttl(key) <= 2 * HOUR_S
    assert await parts.pending() == 0


async def test_what_waits_for_its_first_attempt_is_kept_from_its_event_on(parts: Parts) -> None:
    old = replace(parts.new(1), time=now() - 9 * 24 * HOUR_MS)
    await parts.dispatching.write_one(old)

    left = await parts.redis.ttl(delivery_keys.delivery(old.id))
    assert left <= PENDING_TTL_S - 9 * 24 * HOUR_S
