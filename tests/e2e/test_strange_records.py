"""A worker lives, and serves everyone else, whatever it finds in Redis."""

from collections.abc import AsyncIterator

import pytest

from orchestrator.domain.access import EVERYTHING, Principal
from orchestrator.domain.words import State
from orchestrator.runtime import FrontEnd
from orchestrator.service.webhook_models import WebhookRequest
from orchestrator.storage import access_keys, delivery_keys, keys
from tests.e2e.webhook_kit import QUICK, subscribed
from tests.harness.api_keys import made
from tests.harness.clients import accept, reaches
from tests.harness.processes import Fleet
from tests.harness.receiver import Receiver, receiving
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

STRANGE = "dlv_" + "f" * 32


@pytest.fixture
async def receiver(fleet: Fleet) -> AsyncIterator[Receiver]:
    """A receiver that says yes."""
    fleet.environment |= QUICK
    async with receiving() as running:
        yield running


async def _strange(front: FrontEnd, url: str) -> None:
    """Records as no process of this version writes them."""
    execute = front.backend.commands.execute
    key = await made(front.backend.commands)
    owner = Principal(key.key, "", EVERYTHING)
    wish = WebhookRequest(url=url)
    own, _ = await front.webhooks.create(owner, wish)
    await front.webhooks.create(owner, wish)
    await execute("HSET", access_keys.api_key(key.key), "quotas", "1/")
    await execute("HSET", delivery_keys.webhook(own.id), "pending", "x")
    await execute("HSET", delivery_keys.delivery(STRANGE), "state", "pending")
    await execute("EXPIRE", delivery_keys.delivery(STRANGE), 600)
    for index in (delivery_keys.DUE, delivery_keys.PENDING):
        await execute("ZADD", index, 1, STRANGE)
    await execute("HSET", keys.call(STRANGE), "document", "{", "revision", 1)
    await execute("EXPIRE", keys.call(STRANGE), 600)
    await execute("ZADD", keys.PLACINGS, 1, STRANGE, 1, b"\xff")
    await execute("ZADD", keys.state(State.QUEUED), 1, STRANGE, 1, b"\xff")
    await execute("HSET", keys.PAUSED, f"key:{key.key}", "nope")


async def test_a_worker_outlives_what_it_cannot_read(
    receiver: Receiver, fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    execute = front.backend.commands.execute
    await subscribed(front, receiver.url)
    await _strange(front, receiver.url)
    worker = fleet.worker()

    async def is_given_up() -> bool:
        return bool(await execute("HGET", delivery_keys.delivery(STRANGE), "state") == b"dead")

    await wait_until(is_given_up, 20)
    call_id = await accept(front, "+16505550123")
    await reaches(front, call_id, "ended")
    await wait_until(lambda: receiver.of(call_id))
    assert worker.code is None
    said = "".join(worker.errors)
    for event in (
        "key_not_readable",
        "webhook_not_readable",
        "delivery_not_readable",
        "record_not_readable",
    ):
        assert event in said
    assert "Traceback" not in said
    assert worker.terminate() == 0
