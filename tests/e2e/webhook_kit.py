"""What the tests of webhooks share."""

from typing import Any

from orchestrator.domain.access import HOUSE
from orchestrator.runtime import FrontEnd
from orchestrator.service.webhook_models import WebhookRequest
from orchestrator.storage.delivery_list import Sought
from tests.harness.waiting import wait_until

CALLEE = "+16505550123"
QUICK = {
    "RINGOUT_WEBHOOK_TARGETS": "any",
    "RINGOUT_WEBHOOK_TIMEOUT": "1",
    "RINGOUT_WEBHOOK_LADDER": "0.1,0.2,0.3",
}


async def subscribed(front: FrontEnd, url: str, **wish: object) -> tuple[str, str]:
    """A webhook's id and its secret."""
    request = WebhookRequest.model_validate({"url": url, **wish})
    webhook, secret = await front.webhooks.create(HOUSE, request)
    return webhook.id, secret


async def deliveries(front: FrontEnd, state: str | None = None) -> list[dict[str, Any]]:
    """The deliveries in a state, the oldest event first."""
    page = await front.webhooks.page(HOUSE, Sought(state), 200, None)
    return [dict(one) for one in reversed(page.deliveries)]


async def are(
    front: FrontEnd, state: str, count: int, seconds: float = 20.0
) -> list[dict[str, Any]]:
    """The deliveries in a state, once there are so many."""

    async def enough() -> list[dict[str, Any]] | None:
        found = await deliveries(front, state)
        return found if len(found) >= count else None

    found: list[dict[str, Any]] = await wait_until(enough, seconds)
    return found


async def none_pending(front: FrontEnd, seconds: float = 20.0) -> None:
    """Returns when no delivery is under way."""

    async def done() -> bool:
        return not await deliveries(front, "pending")

    await wait_until(done, seconds)
