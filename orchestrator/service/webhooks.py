"""What may be asked of webhooks and their deliveries.

A webhook belongs to the key that made it, and so do its deliveries; those to a call's `callbackUrl`
belong to the call's owner. What is another's is not there: it is answered as what never was.
A webhook that hears of all calls is changed, tested and redelivered by who runs the house alone:
its owner may show a token with fewer rights than the one that made it, or have lost them since.
"""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

from uuid_utils import uuid7

from orchestrator.delivery.signing import new_secret
from orchestrator.delivery.targets import Targets, checked_url, shown_host
from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.clock import Clock, from_rfc3339, rfc3339
from orchestrator.domain.errors import (
    DeliveryNotFound,
    FieldError,
    InvalidRequest,
    WebhookDisabled,
    WebhookNotFound,
)
from orchestrator.service.webhook_models import (
    Redelivery,
    SecretRotation,
    WebhookChange,
    WebhookFilters,
    WebhookRequest,
)
from orchestrator.storage import audit
from orchestrator.storage.audit import Actor, Audit
from orchestrator.storage.deliveries import DeliveryStore
from orchestrator.storage.delivery_list import DeliveryList, Page, Shown, Sought
from orchestrator.storage.dispatching import Dispatching, New
from orchestrator.storage.webhooks import Disabled, Health, Secret, Webhook, WebhookStore

_MOST_SECRETS = 5
_BY_REQUEST = "by_request"
TEST = "webhook.test"
_VIA = "rest"
"""MCP has nothing to do with webhooks."""


@dataclass(frozen=True, slots=True)
class WebhookService:
    """Every method raises StorageUnavailable when Redis does not answer in time, InsufficientScope
    without the right to webhooks, or to steer one that hears of all calls, and those that name a
    webhook WebhookNotFound where there is none, or it is not the asker's."""

    webhooks: WebhookStore
    deliveries: DeliveryStore
    listing: DeliveryList
    dispatching: Dispatching
    targets: Targets
    clock: Clock
    audit: Audit

    async def create(self, asker: Principal, wish: WebhookRequest) -> tuple[Webhook, str]:
        """A new webhook and its secret; TooManyWebhooks where there is no room for it.

        It is told of the asker's calls, and of everyone's where the asker runs the house.
        """
        asker.require(Scope.WEBHOOKS)
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
            owner=asker.owner,
            hears_all=asker.may(Scope.OPS),
        )
        await self._note(audit.WEBHOOK_CREATED, asker, webhook.id, webhook.host)
        await self.webhooks.create(webhook)
        return webhook, secret

    async def all(self, asker: Principal) -> list[Webhook]:
        """Every webhook of the asker's, the oldest first."""
        asker.require(Scope.WEBHOOKS)
        return [one for one in await self.webhooks.all() if asker.sees(one.owner)]

    async def get(self, asker: Principal, webhook_id: str) -> Webhook:
        """The webhook."""
        await self._check_owner(asker, webhook_id)
        return await self.webhooks.get(webhook_id)

    async def _check_owner(self, asker: Principal, webhook_id: str) -> None:
        """Before anything else is read of the webhook: time must not tell another's from none."""
        asker.require(Scope.WEBHOOKS)
        if not asker.sees(await self.webhooks.owner(webhook_id)):
            raise WebhookNotFound("There is no such webhook.")

    async def change(self, asker: Principal, webhook_id: str, wish: WebhookChange) -> Webhook:
        """The webhook, changed in what the wish names."""
        named = wish.model_fields_set
        await self._steered(asker, webhook_id)
        if "url" in named:
            self._check(wish.url)
        await self._note(audit.WEBHOOK_CHANGED, asker, webhook_id, ",".join(sorted(named)))
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

    async def delete(self, asker: Principal, webhook_id: str) -> None:
        """Deletes the webhook and its deliveries, also where it cannot be read."""
        await self._check_owner(asker, webhook_id)
        await self._note(audit.WEBHOOK_DELETED, asker, webhook_id)
        await self.webhooks.delete(webhook_id)

    async def rotate(
        self, asker: Principal, webhook_id: str, wish: SecretRotation
    ) -> tuple[Webhook, str]:
        """The webhook with a new secret; those before go on signing for the overlap."""
        await self._steered(asker, webhook_id)
        await self._note(audit.WEBHOOK_CHANGED, asker, webhook_id, "secret")
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

    async def test(self, asker: Principal, webhook_id: str) -> str:
        """Sends a `webhook.test` on its way; the delivery's id. WebhookDisabled where it is."""
        webhook = await self._enabled(asker, webhook_id)
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
                owner=webhook.owner,
            )
        )
        return f"dlv_{name}"

    async def page(self, asker: Principal, sought: Sought, limit: int, cursor: str | None) -> Page:
        """The asker's deliveries, newest events first, without those of calls that are not there
        for it; ValueError for a cursor that is not one of ours."""
        asker.require(Scope.WEBHOOKS)
        if sought.webhook is not None:
            await self.get(asker, sought.webhook)
        return await self.listing.page(replace(sought, owner=_only(asker)), limit, cursor)

    async def delivery(self, asker: Principal, delivery_id: str) -> Shown:
        """One delivery; DeliveryNotFound where there is none, or it is not the asker's."""
        asker.require(Scope.WEBHOOKS)
        found = await self.listing.get(delivery_id, _only(asker))
        if found is None:
            raise DeliveryNotFound("There is no such delivery.")
        return found

    async def redeliver(self, asker: Principal, delivery_id: str) -> Shown:
        """Attempts a delivery anew, at once; DeliveryNotFound or WebhookDisabled where not."""
        known = await self.delivery(asker, delivery_id)
        if known["webhook"] is not None:
            await self._enabled(asker, known["webhook"])
        await self._note(audit.REDELIVERED, asker, delivery_id)
        await self.deliveries.redeliver(delivery_id)
        return await self.delivery(asker, delivery_id)

    async def redeliver_since(self, asker: Principal, webhook_id: str, wish: Redelivery) -> int:
        """Attempts all dead deliveries of events since a time anew; how many."""
        await self._enabled(asker, webhook_id)
        await self._note(audit.REDELIVERED, asker, webhook_id, f"since {wish.since}")
        count = 0
        async for ids in self.listing.dead_since(webhook_id, from_rfc3339(wish.since)):
            done = await asyncio.gather(*(self._anew(one) for one in ids))
            count += sum(done)
        return count

    async def _steered(self, asker: Principal, webhook_id: str) -> Webhook:
        """The webhook; InsufficientScope where it tells more than the asker may know."""
        webhook = await self.get(asker, webhook_id)
        if webhook.hears_all:
            asker.require(Scope.OPS)
        return webhook

    async def _enabled(self, asker: Principal, webhook_id: str) -> Webhook:
        webhook = await self._steered(asker, webhook_id)
        if webhook.disabled is not None:
            raise WebhookDisabled("The webhook is disabled; enable it first.")
        return webhook

    async def _note(self, action: str, asker: Principal, about: str, detail: str = "") -> None:
        await self.audit.note(action, Actor.of(asker, _VIA), about, detail)

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


def _only(asker: Principal) -> str | None:
    """Whose deliveries alone are there for the asker, None: everyone's."""
    return None if asker.may(Scope.OPS) else asker.owner


def shown(asker: Principal, webhook: Webhook) -> dict[str, Any]:
    """The webhook as the asker sees it: without its secrets."""
    disabled = webhook.disabled
    owner = {"owner": webhook.owner or None} if asker.may(Scope.OPS) else {}
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
        **owner,
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
