"""What may be asked of webhooks and their deliveries."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from uuid_utils import uuid7

from orchestrator.delivery.signing import new_secret
from orchestrator.delivery.targets import Targets, checked_url, shown_host
from orchestrator.domain.clock import Clock, from_rfc3339, rfc3339
from orchestrator.domain.errors import (
    DeliveryNotFound,
    FieldError,
    InvalidRequest,
    WebhookDisabled,
)
from orchestrator.service.webhook_models import (
    Redelivery,
    SecretRotation,
    WebhookChange,
    WebhookFilters,
    WebhookRequest,
)
from orchestrator.storage.deliveries import DeliveryStore
from orchestrator.storage.delivery_list import DeliveryList, Page, Shown, Sought
from orchestrator.storage.dispatching import Dispatching, New
from orchestrator.storage.webhooks import Disabled, Health, Secret, Webhook, WebhookStore

_MOST_SECRETS = 5
_BY_REQUEST = "by_request"
TEST = "webhook.test"


@dataclass(frozen=True, slots=True)
class WebhookService:
    """Every method raises StorageUnavailable when Redis does not answer in time, and those that
    name a webhook WebhookNotFound where there is none."""

    webhooks: WebhookStore
    deliveries: DeliveryStore
    listing: DeliveryList
    dispatching: Dispatching
    targets: Targets
    clock: Clock

    async def create(self, wish: WebhookRequest) -> tuple[Webhook, str]:
        """A new webhook and its secret; TooManyWebhooks where there is no room for it."""
        self._check(wish.url)
        secret, now = new_secret(), rfc3339(self.clock())
        filters = wish.filters or WebhookFilters()
        webhook = Webhook(
            id=f"wh_{uuid7().hex}",
            url=wish.url,
            host=shown_host(wish.url),
            secrets=(Secret(secret),),
            created_at=now,
            updated_at=now,
            event_types=tuple(wish.event_types or ()),
            client_reference=filters.client_reference,
            account_id=filters.account_id,
            extension_id=filters.extension_id,
            description=wish.description,
        )
        await self.webhooks.create(webhook)
        return webhook, secret

    async def change(self, webhook_id: str, wish: WebhookChange) -> Webhook:
        """The webhook, changed in what the wish names."""
        named = wish.model_fields_set
        if "url" in named:
            self._check(wish.url)
        now = rfc3339(self.clock())

        def decide(known: Webhook) -> Webhook:
            after = replace(known, updated_at=now)
            if "url" in named:
                after = _moved(after, wish.url)
            if "event_types" in named:
                after = replace(after, event_types=tuple(wish.event_types or ()))
            if "filters" in named:
                after = _filtered(after, wish.filters or WebhookFilters())
            if "description" in named:
                after = replace(after, description=wish.description)
            return _switched(after, wish.enabled, now) if "enabled" in named else after

        return await self.webhooks.change(webhook_id, decide)

    async def rotate(self, webhook_id: str, wish: SecretRotation) -> tuple[Webhook, str]:
        """The webhook with a new secret; those before go on signing for the overlap."""
        secret, now = new_secret(), self.clock()
        latest = now + wish.overlap_seconds * 1000

        def decide(known: Webhook) -> Webhook:
            if known.secrets[0].value == secret:
                return known
            old = [replace(one, until=min(one.until or latest, latest)) for one in known.secrets]
            valid = [one for one in old if one.until is not None and one.until > now]
            secrets = (Secret(secret), *valid[: _MOST_SECRETS - 1])
            return replace(known, secrets=secrets, updated_at=rfc3339(now))

        return await self.webhooks.change(webhook_id, decide), secret

    async def test(self, webhook_id: str) -> str:
        """Sends a `webhook.test` on its way; the delivery's id. WebhookDisabled where it is."""
        webhook = await self.webhooks.get(webhook_id)
        if webhook.disabled is not None:
            raise WebhookDisabled("The webhook is disabled; enable it first.")
        name, now = uuid7().hex, self.clock()
        body = {"type": TEST, "timestamp": rfc3339(now), "data": {"webhook": webhook_id}}
        await self.dispatching.write_one(
            New(
                id=f"dlv_{name}",
                webhook=webhook_id,
                event=f"test_{name}",
                type=TEST,
                call=f"test_{name}",
                sequence="0",
                time=now,
                body=json.dumps(body, separators=(",", ":")),
            )
        )
        return f"dlv_{name}"

    async def page(self, sought: Sought, limit: int, cursor: str | None) -> Page:
        """Deliveries, newest events first; ValueError for a cursor that is not one of ours."""
        if sought.webhook is not None:
            await self.webhooks.get(sought.webhook)
        return await self.listing.page(sought, limit, cursor)

    async def delivery(self, delivery_id: str) -> Shown:
        """One delivery; DeliveryNotFound where there is none."""
        found = await self.listing.get(delivery_id)
        if found is None:
            raise DeliveryNotFound("There is no such delivery.")
        return found

    async def redeliver(self, delivery_id: str) -> Shown:
        """Attempts a delivery anew, at once; DeliveryNotFound or WebhookDisabled where not."""
        await self.deliveries.redeliver(delivery_id)
        return await self.delivery(delivery_id)

    async def redeliver_since(self, webhook_id: str, wish: Redelivery) -> int:
        """Attempts all dead deliveries of events since a time anew; how many."""
        webhook = await self.webhooks.get(webhook_id)
        if webhook.disabled is not None:
            raise WebhookDisabled("The webhook is disabled; enable it first.")
        count = 0
        async for ids in self.listing.dead_since(webhook_id, from_rfc3339(wish.since)):
            done = await asyncio.gather(*(self._anew(one) for one in ids))
            count += sum(done)
        return count

    async def _anew(self, delivery_id: str) -> bool:
        try:
            await self.deliveries.redeliver(delivery_id)
        except DeliveryNotFound:
            return False
        return True

    def _check(self, url: str) -> None:
        try:
            checked_url(url, self.targets)
        except ValueError as error:
            raise InvalidRequest((FieldError("url", str(error)),)) from None


def _moved(webhook: Webhook, url: str) -> Webhook:
    if url == webhook.url:
        return webhook
    health = replace(webhook.health, failures=0, failing_since=None)
    return replace(webhook, url=url, host=shown_host(url), health=health)


def _filtered(webhook: Webhook, filters: WebhookFilters) -> Webhook:
    return replace(
        webhook,
        client_reference=filters.client_reference,
        account_id=filters.account_id,
        extension_id=filters.extension_id,
    )


def _switched(webhook: Webhook, enabled: bool, now: str) -> Webhook:  # noqa: FBT001 - a field
    if enabled:
        health = replace(webhook.health, failures=0, failing_since=None)
        return replace(webhook, disabled=None, health=health)
    if webhook.disabled is not None:
        return webhook
    return replace(webhook, disabled=Disabled(_BY_REQUEST, "It was disabled by request.", now))


def shown(webhook: Webhook) -> dict[str, Any]:
    """The webhook as clients see it: without its secrets."""
    disabled = webhook.disabled
    return {
        "id": webhook.id,
        "url": webhook.url,
        "eventTypes": list(webhook.event_types) or None,
        "filters": {
            "clientReference": webhook.client_reference,
            "accountId": webhook.account_id,
            "extensionId": webhook.extension_id,
        },
        "description": webhook.description,
        "enabled": disabled is None,
        "disabled": {"code": disabled.code, "message": disabled.message, "at": disabled.at}
        if disabled
        else None,
        "createdAt": webhook.created_at,
        "updatedAt": webhook.updated_at,
        "health": _health(webhook.health),
    }


def _health(health: Health) -> dict[str, Any]:
    return {
        "pending": health.pending,
        "delivered": health.delivered,
        "dead": health.dead,
        "failures": health.failures,
        "failingSince": health.failing_since,
        "lastDeliveredAt": health.last_delivered_at,
        "lastFailure": health.last_failure,
        "eventsLost": health.events_lost,
        "eventsLostAt": health.events_lost_at,
    }
