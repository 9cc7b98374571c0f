"""Events reach their receivers: worker processes, a real Redis, receivers on real ports."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orchestrator.delivery import signing
from orchestrator.domain.access import HOUSE
from orchestrator.domain.errors import InvalidRequest
from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.service.webhook_models import Redelivery, SecretRotation, WebhookChange
from orchestrator.settings import load
from tests.e2e.webhook_kit import CALLEE, QUICK, are, deliveries, none_pending, subscribed
from tests.harness.clients import accept, reaches, told
from tests.harness.processes import Fleet
from tests.harness.receiver import Receiver, receiving, status
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

RC_ANSWERED = ["call.queued", "call.placing", "call.ringing"]


@pytest.fixture(autouse=True)
def on_loopback(fleet: Fleet) -> None:
    """Receivers of these tests are on this machine."""
    fleet.environment |= QUICK


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that says yes."""
    async with receiving() as running:
        yield running


async def test_every_event_of_a_call_is_told_signed_and_in_order(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    _, secret = await subscribed(front, receiver.url)
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ended")
    events = await told(front, call_id)
    await wait_until(lambda: len(receiver.of(call_id)) >= len(events))
    got = receiver.of(call_id)
    assert [one.json["type"] for one in got] == [event["type"] for event in events]
    assert [one.json["data"]["sequence"] for one in got] == list(range(1, len(events) + 1))
    for one in got:
        assert one.verified(secret)["data"]["id"] == call_id
        assert one.headers["content-type"] == "application/json"
        assert one.headers["user-agent"].startswith("RingOutOrchestrator/")
        assert len(one.body) < 20_000
        assert set(one.json) == {"type", "timestamp", "data"}


async def test_first_attempts_stay_in_order_when_the_receiver_is_slow_or_says_no(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    fleet.worker()
    await subscribed(front, receiver.url)
    receiver.first = [status(500), receiver.hang, status(500)]
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ended")
    events = [event["type"] for event in await told(front, call_id)]
    await are(front, "delivered", len(events))
    firsts = list(dict.fromkeys(one.id for one in receiver.got))
    order = {one.id: one.json["data"]["sequence"] for one in receiver.got}
    assert [order[name] for name in firsts] == list(range(1, len(events) + 1))
    assert len(receiver.got) == len(events) + 3


async def test_filters_and_types_decide_what_is_told(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    await subscribed(front, receiver.url + "/ends", eventTypes=["call.ended"])
    await subscribed(front, receiver.url + "/ours", filters={"clientReference": "ours"})
    await subscribed(front, receiver.url + "/none", filters={"extensionId": "4711"})
    ours = await accept(front, CALLEE, clientReference="ours")
    other = await accept(front, "+16505550124")
    for call_id in (ours, other):
        await reaches(front, call_id, "ended")
    events = len(await told(front, ours))
    await are(front, "delivered", events + 2)
    paths = [(one.path, one.json["data"]["id"]) for one in receiver.got]
    assert sorted(paths) == sorted(
        [("/hook/ends", ours), ("/hook/ends", other), *[("/hook/ours", ours)] * events]
    )


async def test_a_failed_attempt_is_repeated_with_the_same_id_until_it_arrives(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    _, secret = await subscribed(front, receiver.url, eventTypes=["call.queued"])
    receiver.first = [status(503), receiver.hang]
    await accept(front, CALLEE)
    (made,) = await are(front, "delivered", 1)
    assert made["attempts"] == 3
    assert (made["status"], made["failure"]) == (204, None)
    assert len({one.id for one in receiver.got}) == 1
    assert len({one.body for one in receiver.got}) == 1
    for one in receiver.got:
        one.verified(secret)


async def test_after_the_ladder_it_is_dead_and_can_be_made_anew(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    began = now()
    webhook_id, _ = await subscribed(front, receiver.url, eventTypes=["call.queued"])
    receiver.answer = status(500)
    for _ in range(3):
        await accept(front, CALLEE)
    dead = await are(front, "dead", 3)
    assert {one["attempts"] for one in dead} == {4}
    assert dead[0]["failure"]["message"] == "The receiver answered 500."
    assert (await front.webhooks.webhooks.get(webhook_id)).health.dead == 3
    receiver.answer = status(204)
    receiver.got.clear()
    await front.webhooks.redeliver(HOUSE, dead[0]["id"])
    (made,) = await are(front, "delivered", 1)
    assert (made["id"], made["event"], made["attempts"]) == (
        dead[0]["id"],
        receiver.got[0].id,
        1,
    )
    since = Redelivery(since="2000-01-01T00:00:00Z")
    assert await front.webhooks.redeliver_since(HOUSE, webhook_id, since) == 2
    await are(front, "delivered", 3)
    assert sorted(one.id for one in receiver.got) == sorted(one["event"] for one in dead)
    assert await deliveries(front, "dead") == []
    health = (await front.webhooks.webhooks.get(webhook_id)).health
    assert (health.pending, health.failures) == (0, 0)
    assert began <= now()


async def test_a_planned_attempt_is_made_at_once_by_request_and_not_again(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker(RINGOUT_WEBHOOK_LADDER="3600")
    await subscribed(front, receiver.url, eventTypes=["call.queued"])
    receiver.first = [status(500)]
    await accept(front, CALLEE)

    async def waits() -> str | None:
        found = await deliveries(front, "pending")
        return str(found[0]["id"]) if found and found[0]["attempts"] == 1 else None

    delivery_id = await wait_until(waits)
    await front.webhooks.redeliver(HOUSE, delivery_id)
    (made,) = await are(front, "delivered", 1)
    assert (made["attempts"], len(receiver.got)) == (2, 2)
    queue = await front.backend.commands.redis.zrange("ringout:v1:{ringout}:queue", 0, -1)
    assert [job for job in queue if b":deliver:" in job] == []


async def test_retry_after_is_waited_for(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    await subscribed(front, receiver.url, eventTypes=["call.queued"])
    receiver.first = [status(429, Retry_After="1000")]
    await accept(front, CALLEE)

    async def waits() -> bool:
        found = await deliveries(front, "pending")
        return bool(found and found[0]["attempts"] == 1 and found[0]["nextAttemptAt"])

    await wait_until(waits)
    due = await front.backend.commands.redis.zrange(
        "ringout:v1:{ringout}:deliveries:due", 0, -1, withscores=True
    )
    assert 990_000 < due[0][1] - now() < 1_001_000


async def test_410_disables_at_once_and_says_so(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    webhook_id, _ = await subscribed(front, receiver.url)
    receiver.answer = status(410)
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ended")
    await none_pending(front)
    webhook = await front.webhooks.webhooks.get(webhook_id)
    assert webhook.disabled is not None
    assert webhook.disabled.code == "gone"
    assert receiver.types(call_id)[:1] == ["call.queued"]
    seen = len(receiver.got)
    receiver.answer = status(204)
    other = await accept(front, CALLEE)
    await reaches(front, other, "ended")
    await front.webhooks.change(HOUSE, webhook_id, WebhookChange.model_validate({"enabled": True}))
    third = await accept(front, CALLEE)
    await wait_until(lambda: receiver.of(third))
    assert len(receiver.got) - len(receiver.of(third)) == seen
    assert receiver.of(other) == []


async def test_a_webhook_that_only_fails_is_disabled_with_the_reason(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker(RINGOUT_WEBHOOK_DISABLE_AFTER="0", RINGOUT_WEBHOOK_LADDER="0.01")
    webhook_id, _ = await subscribed(front, receiver.url, eventTypes=["call.queued"])
    receiver.answer = status(500)
    for _ in range(30):
        await accept(front, CALLEE)

    async def is_disabled() -> bool:
        return (await front.webhooks.webhooks.get(webhook_id)).disabled is not None

    await wait_until(is_disabled)
    webhook = await front.webhooks.webhooks.get(webhook_id)
    assert webhook.disabled is not None
    assert webhook.disabled.code == "only_fails"
    assert "500" in webhook.disabled.message
    assert webhook.health.failures >= 50


async def test_what_waits_for_a_retry_is_given_up_when_its_webhook_is_disabled(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker(RINGOUT_WEBHOOK_LADDER="3600")
    webhook_id, _ = await subscribed(front, receiver.url, eventTypes=["call.queued"])
    receiver.answer = status(500)
    await accept(front, CALLEE)

    async def waits() -> bool:
        return [one["attempts"] for one in await deliveries(front, "pending")] == [1]

    await wait_until(waits)
    await front.webhooks.change(HOUSE, webhook_id, WebhookChange.model_validate({"enabled": False}))
    (dead,) = await are(front, "dead", 1)
    assert (dead["failure"]["code"], dead["attempts"]) == ("disabled", 1)
    assert (await front.webhooks.webhooks.get(webhook_id)).health.pending == 0
    assert len(receiver.got) == 1


async def test_a_redirect_to_a_private_address_is_a_failure_with_its_reason(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    async with receiving() as inside:
        receiver.answer = status(307, Location=inside.url)
        await subscribed(front, receiver.url, eventTypes=["call.queued"])
        await accept(front, CALLEE)
        (dead,) = await are(front, "dead", 1)
        assert (dead["failure"]["code"], dead["status"]) == ("redirect", 307)
        assert inside.got == []


async def test_a_target_that_is_not_allowed_gets_nothing_and_the_reason_is_told(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker(RINGOUT_WEBHOOK_TARGETS="public")
    await subscribed(front, receiver.url, eventTypes=["call.queued"])
    await accept(front, CALLEE)
    (dead,) = await are(front, "dead", 1)
    assert (dead["failure"]["code"], dead["failure"]["source"]) == (
        "target_not_allowed",
        "theirs",
    )
    assert receiver.got == []


async def test_old_and_new_secret_sign_until_the_overlap_ends(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    webhook_id, old = await subscribed(front, receiver.url, eventTypes=["call.queued"])
    _, new = await front.webhooks.rotate(HOUSE, webhook_id, SecretRotation())
    await accept(front, CALLEE)
    await wait_until(lambda: len(receiver.got) == 1)
    for secret in (old, new):
        receiver.got[0].verified(secret)
    _, newest = await front.webhooks.rotate(HOUSE, webhook_id, SecretRotation(overlapSeconds=0))
    await accept(front, CALLEE)
    await wait_until(lambda: len(receiver.got) == 2)
    assert receiver.got[1].verified(newest)["type"] == "call.queued"
    assert len(receiver.got[1].headers["webhook-signature"].split(" ")) == 1


async def test_deleting_drops_what_is_under_way(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    webhook_id, _ = await subscribed(front, receiver.url)
    receiver.answer = receiver.hang
    call_id = await accept(front, CALLEE)
    await wait_until(lambda: receiver.got)
    await front.webhooks.webhooks.delete(webhook_id)
    receiver.let_go.set()
    await reaches(front, call_id, "ended")
    assert await deliveries(front) == []

    async def no_job() -> bool:
        queue = await front.backend.commands.redis.zrange("ringout:v1:{ringout}:queue", 0, -1)
        return not [job for job in queue if b":deliver:" in job]

    await wait_until(no_job)
    assert len(receiver.got) == 1


async def test_one_that_hangs_keeps_no_other_waiting(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker(RINGOUT_WORKER_JOBS="30", RINGOUT_WEBHOOK_TIMEOUT="20")
    async with receiving() as hanging:
        hanging.answer = hanging.hang
        await subscribed(front, hanging.url)
        await subscribed(front, receiver.url)
        ids = [await accept(front, f"+1{6505550200 + number}") for number in range(25)]
        for call_id in ids:
            assert (await reaches(front, call_id, "ended"))["outcome"] == "completed"
        events = {call_id: len(await told(front, call_id)) for call_id in ids}
        await wait_until(lambda: len(receiver.got) >= sum(events.values()))
        assert 1 <= len(hanging.got) <= 10
        assert len({one.id for one in hanging.got}) == len(hanging.got)


async def test_a_test_event_can_be_asked_for(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    webhook_id, secret = await subscribed(front, receiver.url, eventTypes=["call.ended"])
    delivery_id = await front.webhooks.test(HOUSE, webhook_id)
    (made,) = await are(front, "delivered", 1)
    assert made["id"] == delivery_id
    body = receiver.got[0].verified(secret)
    assert (body["type"], body["data"]) == ("webhook.test", {"webhook": webhook_id})


async def test_a_calls_own_callback_is_told_and_ringcentral_never_hears_of_it(
    fleet: Fleet, simulated: Simulated, receiver: Receiver
) -> None:
    secret = signing.new_secret()
    fleet.environment["RINGOUT_CALLBACK_SECRET"] = secret
    fleet.worker()
    async with front_end(load(fleet.environment)) as front:
        call_id = await accept(front, CALLEE, callbackUrl=receiver.url + "?key=1")
        other = await accept(front, "+16505550124")
        for one in (call_id, other):
            await reaches(front, one, "ended")
        events = [event["type"] for event in await told(front, call_id)]
        await wait_until(lambda: receiver.types(call_id) == events)
        assert receiver.of(other) == []
        receiver.got[0].verified(secret)
        assert {one["webhook"] for one in await deliveries(front)} == {None}
    made = [row for row in await simulated.requests() if row["operation"] == "make"]
    assert made
    assert "callback" not in str(made).lower()


async def test_a_callback_without_a_secret_is_refused_by_name(front: FrontEnd) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await accept(front, CALLEE, callbackUrl="https://example.com/")
    (error,) = caught.value.errors
    assert error.field == "callbackUrl"
    assert "RINGOUT_CALLBACK_SECRET" in error.detail


async def test_a_webhook_gets_the_events_from_its_creation_on(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    before = await accept(front, CALLEE)
    await asyncio.sleep(0.005)
    await subscribed(front, receiver.url, eventTypes=["call.queued"])
    after = await accept(front, CALLEE)
    fleet.worker()
    await are(front, "delivered", 1)
    await reaches(front, before, "ended")
    await reaches(front, after, "ended")
    assert [one.json["data"]["id"] for one in receiver.got] == [after]
