"""What `ringout keys` does in Redis."""

from collections.abc import Mapping
from typing import Any

from orchestrator import runtime
from orchestrator.cli.operator import actor, audit, commands, parts
from orchestrator.domain.clock import rfc3339
from orchestrator.domain.tokens import KEY_ID_LENGTH
from orchestrator.service.withdrawing import Withdrawing
from orchestrator.settings import Settings
from orchestrator.storage.api_keys import ApiKeys, Wanted, random_id
from orchestrator.storage.audit import CANCELLED, KEY_CREATED, KEY_REVOKED, KEY_ROTATED
from orchestrator.storage.connection import FRONT_END
from orchestrator.storage.webhooks import WebhookStore


async def create(settings: Settings, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """A new key, whole, and what is known of it."""
    async with commands(settings) as redis:
        key_id, scopes = random_id(KEY_ID_LENGTH), sorted(wanted["scopes"])
        expires = wanted["expires_in"]
        expires_at = None if expires is None else runtime.now() + 1000 * expires
        callers = wanted["callers"]
        if callers is not None:
            digests = runtime.digests(settings, redis)
            callers = frozenset([await digests.of(one) for one in callers])
        numbers = wanted["forwarding_numbers"]
        await audit(settings, redis).note(KEY_CREATED, actor(), key_id, " ".join(scopes))
        token = await ApiKeys(redis, runtime.now).create(
            Wanted(
                wanted["name"],
                wanted["scopes"],
                expires_at,
                callers,
                None if numbers is None else frozenset(numbers),
                wanted["quotas"],
            ),
            key_id,
        )
        return {
            "id": key_id,
            "name": wanted["name"],
            "scopes": scopes,
            "expiresAt": None if expires_at is None else rfc3339(expires_at),
            "key": token.text,
        }


async def listed(settings: Settings) -> list[dict[str, Any]]:
    """All keys, oldest first; no secret and no digest of one."""
    async with commands(settings) as redis:
        keys = ApiKeys(redis, runtime.now)
        found, used = await keys.listed(), await keys.last_used()
    return [
        {
            "id": key.id,
            "name": key.name,
            "scopes": sorted(key.scopes),
            "createdAt": rfc3339(key.created_at),
            "expiresAt": None if key.expires_at is None else rfc3339(key.expires_at),
            "lastUsedAt": used.get(key.id),
            "revokedAt": None if key.revoked_at is None else rfc3339(key.revoked_at),
        }
        for key in found
    ]


async def rotate(settings: Settings, key_id: str, overlap: int) -> str | None:
    """The key with its new secret; None where there is none that could be rotated."""
    async with commands(settings) as redis:
        keys = ApiKeys(redis, runtime.now)
        known = await keys.read(key_id)
        if known is None or known.revoked_at is not None:
            return None
        await audit(settings, redis).note(KEY_ROTATED, actor(), key_id)
        token = await keys.rotate(key_id, 1000 * overlap)
        return None if token is None else token.text


async def revoke(
    settings: Settings, key_id: str, *, cancel_calls: bool
) -> dict[str, list[str]] | None:
    """Its calls that wait still, and those that were cancelled; None where there is no such key."""
    async with parts(settings, FRONT_END) as found:
        redis = found.commands
        keys, notes = ApiKeys(redis, runtime.now), audit(settings, redis)
        if await keys.read(key_id) is None:
            return None
        await notes.note(KEY_REVOKED, actor(), key_id)
        await keys.revoke(key_id)
        message = "The key that made it was revoked."
        await WebhookStore(redis).disable_of(key_id, "key_revoked", message, runtime.now())
        withdrawing = Withdrawing(found.store, runtime.now)
        waiting, cancelled = await withdrawing.waiting(key_id), []
        for call_id in waiting if cancel_calls else ():
            await notes.note(CANCELLED, actor(), call_id)
            _, was_cancelled = await withdrawing.withdraw(call_id)
            if was_cancelled:
                cancelled.append(call_id)
        left = [] if cancel_calls else waiting
        return {"waiting": left, "cancelled": cancelled}
