"""The webhooks in Redis: what may be seen of one, and apart from it its URL and its secrets."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from orchestrator.domain.access import HOUSE_OWNER
from orchestrator.domain.clock import rfc3339
from orchestrator.domain.errors import TooManyWebhooks, WebhookNotFound
from orchestrator.storage import delivery_keys, keys, scripts
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.reading import NOT_READABLE, ids

MOST_WEBHOOKS = 100
MOST_OF_ONE_KEY = 10
_CHUNK = 200

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret; `until` is when it signs no more (ms), None for the present one."""

    value: str
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Disabled:
    """Why a webhook gets nothing: a stable code, a sentence, and since when (RFC 3339)."""

    code: str
    message: str
    at: str


@dataclass(frozen=True, slots=True)
class Health:
    """How the deliveries to a webhook have gone. Times are RFC 3339.

    `events_lost` is how many events of all calls the stream dropped before they were dispatched.
    """

    pending: int = 0
    delivered: int = 0
    dead: int = 0
    failures: int = 0
    failing_since: str | None = None
    last_delivered_at: str | None = None
    last_failure: str | None = None
    events_lost: int = 0
    events_lost_at: str | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A subscription to events; `event_types` empty means all, as do filters that are None.

    `created` is milliseconds by the server's clock: only events from then on are delivered.
    `owner` is the key that made it; it hears of that key's calls, or of all where `hears_all`.
    """

    id: str
    url: str
    host: str
    secrets: tuple[Secret, ...]
    created_at: str
    updated_at: str
    event_types: tuple[str, ...] = ()
    client_reference: str | None = None
    account_id: str | None = None
    extension_id: str | None = None
    description: str | None = None
    disabled: Disabled | None = None
    created: int = 0
    revision: int = 1
    health: Health = Health()
    owner: str = HOUSE_OWNER
    hears_all: bool = True


Decide = Callable[[Webhook], Webhook]


class WebhookNotReadable(WebhookNotFound):
    """There is one, but it is kept as this version cannot read it: a newer one's, or broken."""


def _not_found() -> WebhookNotFound:
    return WebhookNotFound("There is no such webhook.")


class WebhookStore:
    """The webhooks. Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def create(self, webhook: Webhook) -> None:
        """Writes a new webhook down; TooManyWebhooks where there are as many as there may be."""
        answer = await self._put(webhook, "")
        if answer == b"full":
            raise TooManyWebhooks(f"There are {MOST_WEBHOOKS} webhooks; delete one first.")
        if answer == b"enough":
            raise TooManyWebhooks(
                f"This key has {MOST_OF_ONE_KEY} webhooks, the most that one may have; delete one "
                "first."
            )

    async def get(self, webhook_id: str) -> Webhook:
        """The webhook; WebhookNotFound where there is none, WebhookNotReadable among them."""
        try:
            flat, own = await asyncio.gather(
                self._commands.execute("HGETALL", delivery_keys.webhook(webhook_id)),
                self._commands.execute("HGETALL", delivery_keys.secret(webhook_id)),
            )
            if not flat:
                raise _not_found()
            return _webhook(webhook_id, _texts(flat), _texts(own))
        except NOT_READABLE as error:
            log.warning("webhook_not_readable", webhook=webhook_id, error=type(error).__name__)
            detail = "The webhook cannot be read: it is told of no event. It can be deleted."
            raise WebhookNotReadable(detail) from None

    async def owner(self, webhook_id: str) -> str:
        """Whose a webhook is, which takes no longer for one than for another; WebhookNotFound."""
        try:
            owner, revision = await self._commands.execute(
                "HMGET", delivery_keys.webhook(webhook_id), "owner", "createdMs"
            )
        except WrongType:
            raise _not_found() from None
        if owner is None and revision is None:
            raise _not_found()
        return (owner or HOUSE_OWNER.encode()).decode(errors="replace")

    async def all(self) -> list[Webhook]:
        """Every webhook that can be read, the oldest first."""
        return (await self.every())[0]

    async def every(self) -> tuple[list[Webhook], list[str]]:
        """Every webhook that can be read, the oldest first, and the ids of those that cannot."""
        members = await self._commands.execute("ZRANGE", delivery_keys.WEBHOOKS, 0, -1)
        names = ids(members, delivery_keys.WEBHOOKS)
        found = await asyncio.gather(*(self.get(name) for name in names), return_exceptions=True)
        webhooks, strange = [], []
        for name, one in zip(names, found, strict=True):
            if isinstance(one, Webhook):
                webhooks.append(one)
            elif isinstance(one, WebhookNotReadable):
                strange.append(name)
            elif not isinstance(one, WebhookNotFound):
                raise one
        return webhooks, strange

    async def version(self) -> str:
        """What changes whenever a webhook does."""
        with suppress(*NOT_READABLE):
            return str(int(await self._commands.execute("GET", delivery_keys.VERSION) or 0))
        log.warning("webhooks_version_not_readable")
        await self._commands.execute("SET", delivery_keys.VERSION, 1)
        return "1"

    async def change(self, webhook_id: str, decide: Decide) -> Webhook:
        """Changes a webhook as `decide` says of it as it is; WebhookNotFound where it is gone."""
        while True:
            known = await self.get(webhook_id)
            wanted = replace(decide(known), revision=known.revision + 1)
            answer = await self._put(wanted, known.revision)
            if answer == b"written":
                return wanted
            if answer == b"missing":
                raise _not_found()

    async def disable_of(self, owner: str, code: str, message: str, at: int) -> int:
        """Disables what a key has made, with what is under way to it; how many webhooks."""
        why = Disabled(code, message, rfc3339(at))
        webhooks, strange = await self.every()
        own = [one for one in webhooks if one.owner == owner and one.disabled is None]
        for one in own:
            with suppress(WebhookNotFound):
                await self.change(one.id, lambda known: replace(known, disabled=why))
        return len(own) + sum([await self._disable_strange(name, owner, why) for name in strange])

    async def _disable_strange(self, webhook_id: str, owner: str, why: Disabled) -> bool:
        """Disables a webhook that cannot be read, where it is the owner's."""
        where = [delivery_keys.webhook(webhook_id)]
        fields = _fields_of(why)
        flat = [part for name, value in fields.items() for part in (name, value or "")]
        with suppress(WrongType):
            return bool(
                await self._commands.run(scripts.REWRITE_HASH, where, "owner", owner, *flat)
            )
        return False

    async def delete(self, webhook_id: str) -> None:
        """Deletes a webhook and its deliveries; WebhookNotFound where there was none."""
        await self.owner(webhook_id)
        await self._commands.run(
            scripts.DELETE_WEBHOOK,
            [
                delivery_keys.webhook(webhook_id),
                delivery_keys.secret(webhook_id),
                delivery_keys.WEBHOOKS,
                delivery_keys.VERSION,
            ],
            webhook_id,
        )
        while await self._drop(webhook_id) == _CHUNK:
            pass

    async def _drop(self, webhook_id: str) -> int:
        dropped: int = await self._commands.run(
            scripts.DROP_DELIVERIES,
            [
                delivery_keys.of_webhook(webhook_id),
                delivery_keys.DELIVERIES,
                delivery_keys.PENDING,
                delivery_keys.DUE,
                delivery_keys.DEAD,
                keys.QUEUE,
            ],
            _CHUNK,
            keys.PREFIX,
            webhook_id,
            *delivery_keys.job_prefixes(),
        )
        return dropped

    async def judge(
        self, webhook_id: str, word: str, url: str, now: int, wrong: str, after: int
    ) -> bool:
        """Notes how an attempt went (`delivered`, `failed` or `gone`); whether that disabled it.

        What another `url` than the present one answered is not noted. It is disabled after 50
        failures in a row that lasted `after` milliseconds, or when gone.
        """
        answer = await self._commands.run(
            scripts.JUDGE_WEBHOOK,
            [
                delivery_keys.webhook(webhook_id),
                delivery_keys.VERSION,
                delivery_keys.secret(webhook_id),
            ],
            word,
            rfc3339(now),
            wrong,
            FEWEST_FAILURES,
            after,
            url,
        )
        return bool(answer)

    async def _put(self, webhook: Webhook, expected: int | str) -> bytes:
        answer: bytes = await self._commands.run(
            scripts.PUT_WEBHOOK,
            [
                delivery_keys.webhook(webhook.id),
                delivery_keys.secret(webhook.id),
                delivery_keys.WEBHOOKS,
                delivery_keys.VERSION,
            ],
            webhook.id,
            expected,
            MOST_WEBHOOKS,
            webhook.url,
            json.dumps([[one.value, one.until] for one in webhook.secrets]),
            webhook.owner,
            MOST_OF_ONE_KEY,
            keys.PREFIX,
            *_items(webhook),
        )
        return answer


FEWEST_FAILURES = 50
"""In a row, before a webhook that only fails is disabled."""


def secrets_of(text: str) -> tuple[Secret, ...]:
    """The secrets as they are kept."""
    found = tuple(Secret(value, until) for value, until in json.loads(text))
    if not found or not all(one.value.isascii() and (one.until or 0) >= 0 for one in found):
        raise ValueError("no secrets")
    return found


def _items(webhook: Webhook) -> list[str | int]:
    fields: dict[str, str | int | None] = {
        "host": webhook.host,
        "eventTypes": ",".join(webhook.event_types),
        "clientReference": webhook.client_reference,
        "accountId": webhook.account_id,
        "extensionId": webhook.extension_id,
        "description": webhook.description,
        **_fields_of(webhook.disabled),
        "createdAt": webhook.created_at,
        "updatedAt": webhook.updated_at,
        "revision": webhook.revision,
        "owner": webhook.owner,
        "hearsAll": "1" if webhook.hears_all else "",
    }
    if webhook.health.failing_since is None:
        fields |= {"failures": 0, "failingSince": "", "failingMs": ""}
    return [
        part for name, value in fields.items() for part in (name, "" if value is None else value)
    ]


def _fields_of(disabled: Disabled | None) -> dict[str, str | None]:
    return {
        "enabled": "" if disabled else "1",
        "disabledCode": disabled.code if disabled else None,
        "disabledMessage": disabled.message if disabled else None,
        "disabledAt": disabled.at if disabled else None,
    }


def _texts(flat: Sequence[bytes] | Mapping[bytes, bytes]) -> dict[str, str]:
    pairs = flat.items() if isinstance(flat, Mapping) else zip(flat[::2], flat[1::2], strict=True)
    return {name.decode(): value.decode() for name, value in pairs}


def _webhook(webhook_id: str, fields: Mapping[str, str], hidden: Mapping[str, str]) -> Webhook:
    disabled = Disabled(
        fields.get("disabledCode", ""),
        fields.get("disabledMessage", ""),
        fields.get("disabledAt", ""),
    )
    return Webhook(
        id=webhook_id,
        url=hidden["url"],
        host=fields["host"],
        secrets=secrets_of(hidden["secrets"]),
        created_at=fields["createdAt"],
        updated_at=fields["updatedAt"],
        event_types=tuple(name for name in fields["eventTypes"].split(",") if name),
        client_reference=fields["clientReference"] or None,
        account_id=fields["accountId"] or None,
        extension_id=fields["extensionId"] or None,
        description=fields["description"] or None,
        disabled=None if fields["enabled"] == "1" else disabled,
        created=int(fields["createdMs"]),
        revision=int(fields["revision"]),
        health=_health(fields),
        owner=fields.get("owner", HOUSE_OWNER),
        hears_all=fields.get("hearsAll", "1") == "1",
    )


def _health(fields: Mapping[str, str]) -> Health:
    return Health(
        pending=max(0, int(fields.get("pending", 0))),
        delivered=int(fields.get("delivered", 0)),
        dead=int(fields.get("dead", 0)),
        failures=int(fields.get("failures", 0)),
        failing_since=fields.get("failingSince") or None,
        last_delivered_at=fields.get("lastDeliveredAt") or None,
        last_failure=fields.get("lastFailure") or None,
        events_lost=int(fields.get("eventsLost", 0)),
        events_lost_at=fields.get("eventsLostAt") or None,
    )
