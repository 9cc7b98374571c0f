"""Deliverers and Redis die: each event still reaches its receiver, with the id it had."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from orchestrator.delivery import signing
from orchestrator.domain.access import EVERYTHING, Principal
from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from orchestrator.settings import load
from orchestrator.storage.api_keys import ApiKeys, Wanted
from tests.e2e.webhook_kit import CALLEE, QUICK, are, deliveries, none_pending, subscribed
from tests.harness.clients import accept, reaches, told
from tests.harness.processes import Fleet
from tests.harness.receiver import Receiver, receiving, status
from tests.harness.redis import RedisServer
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

SAID = {
    "revoked": "The key that made the call was revoked.",
    "expired": "The key that made the call has expired.",
}
QUEUE = "ringout:v1:{ringout}:queue"


@pytest.fixture(autouse=True)
def on_loopback(fleet: Fleet) -> None:
    """Receivers of these tests are on this machine."""
    fleet.environment |= QUICK


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that says yes."""
    async with receiving() as running:
        yield running


async def test_killed_in_an_attempt_it_is_made_again_with_the_same_id(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    first = fleet.worker()
    await subscribed(front, receiver.url)
    receiver.first = [receiver.hang]
    call_id = await accept(front, CALLEE)
    await wait_until(lambda: receiver.got)
    first.kill()
    receiver.let_go.set()
    fleet.worker()
    await reaches(front, call_id, "ended", seconds=30)
    events = [event["type"] for event in await told(front, call_id)]
    await wait_until(lambda: len(receiver.got) > len(events), 30)
    ids = [one.id for one in receiver.got]
    assert ids[0] == ids[1]
    assert len(set(ids)) == len(events)
    firsts = {one.id: one.json["type"] for one in receiver.got}
    assert list(firsts.values()) == events
    await none_pending(front)


async def test_killed_again_and_again_nothing_is_lost(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    workers = [fleet.worker(), fleet.worker()]
    await subscribed(front, receiver.url)
    ids = []
    for number in range(30):
        ids.append(await accept(front, f"+1{6505550200 + number}"))
        if number % 10 == 9:
            workers.pop(0).kill()
            workers.append(await asyncio.to_thread(fleet.worker))
    for call_id in ids:
        await reaches(front, call_id, "ended", seconds=60)
    sent = {
        (call_id, int(event["sequence"])) for call_id in ids for event in await told(front, call_id)
    }

    def received() -> set[tuple[str, int]]:
        data = (one.json["data"] for one in receiver.got)
        return {(call["id"], call["sequence"]) for call in data}

    await wait_until(lambda: received() == sent, 60)


async def test_two_workers_make_each_delivery_once(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    for _ in range(2):
        fleet.worker()
    await subscribed(front, receiver.url)
    ids = [await accept(front, f"+1{6505550200 + number}") for number in range(20)]
    for call_id in ids:
        await reaches(front, call_id, "ended")
    sent = sum([len(await told(front, call_id)) for call_id in ids])
    await are(front, "delivered", sent)
    await none_pending(front)
    assert Counter(Counter(one.id for one in receiver.got).values()) == {1: sent}


async def test_the_right_to_dispatch_passes_on_when_its_holder_dies(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    first = fleet.worker()
    await subscribed(front, receiver.url, eventTypes=["call.queued"])
    await accept(front, CALLEE)
    await wait_until(lambda: len(receiver.got) == 1)
    second = fleet.worker()
    first.kill()
    await accept(front, CALLEE)
    await wait_until(lambda: len(receiver.got) == 2, 15)
    fleet.worker()
    assert second.terminate() == 0
    await accept(front, CALLEE)
    await wait_until(lambda: len(receiver.got) == 3, 4)


async def test_a_lost_job_is_found_again(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    first = fleet.worker()
    receiver.answer = status(500)
    await subscribed(front, receiver.url, eventTypes=["call.queued"])
    fleet.environment["RINGOUT_WEBHOOK_LADDER"] = "1"
    await accept(front, CALLEE)
    await wait_until(lambda: receiver.got)
    first.kill()
    redis = front.backend.commands.redis
    for job in await redis.zrange(QUEUE, 0, -1):
        if b":deliver:" in job:
            await redis.zrem(QUEUE, job)
    receiver.answer = status(204)
    assert len(await deliveries(front, "pending")) == 1
    fleet.worker()
    await are(front, "delivered", 1, seconds=40)


async def test_redis_is_killed_in_between_and_comes_back(
    own_redis: RedisServer, fleet: Fleet, simulated: Simulated, receiver: Receiver
) -> None:
    fleet.environment["REDIS_URL"] = own_redis.url
    await simulated.tune(talk=30)
    fleet.worker()
    async with front_end(load(fleet.environment)) as front:
        await subscribed(front, receiver.url)
        receiver.first = [status(500), receiver.hang]
        call_id = await accept(front, CALLEE)
        await reaches(front, call_id, "connected")
        await wait_until(lambda: receiver.got)
        await asyncio.sleep(1.1)
        own_redis.kill()
        receiver.let_go.set()
        await asyncio.sleep(0.5)
        own_redis.start()
        await reaches(front, call_id, "ended", seconds=60)
        events = [event["type"] for event in await told(front, call_id)]
        await wait_until(lambda: len({one.id for one in receiver.got}) == len(events), 60)
        await none_pending(front, 60)
        firsts = {one.id: one.json["type"] for one in receiver.got}
        assert list(firsts.values()) == events


@pytest.mark.parametrize("ending", ["revoked", "expired", ""])
async def test_a_callback_of_a_key_that_is_no_more_is_told_nothing(
    fleet: Fleet, simulated: Simulated, receiver: Receiver, ending: str
) -> None:
    fleet.environment["RINGOUT_CALLBACK_SECRET"] = signing.new_secret()
    async with front_end(load(fleet.environment)) as front:
        keys = ApiKeys(front.backend.commands, now)
        expires_at = now() + 60 if ending == "expired" else None
        token = await keys.create(Wanted("a key", EVERYTHING, expires_at))
        asker = Principal(token.key, "a key", EVERYTHING)
        ends = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": CALLEE}}
        wish = Wish(parsed({**ends, "callbackUrl": receiver.url}))
        await front.service.accept(asker, wish)
        if ending == "revoked":
            await keys.revoke(token.key)

        fleet.worker()

        found = await are(front, "dead" if ending else "delivered", 1)
        assert bool(receiver.got) is not bool(ending)
        assert (found[0]["failure"] or {}).get("message") == SAID.get(ending)
