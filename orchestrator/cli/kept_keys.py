"""What `ringout keys` does in Redis."""

from collections.abc import Mapping
from typing import Any

from orchestrator import runtime
from orchestrator.cli.ending import FAILED, Ended
from orchestrator.cli.operator import actor, audit, commands, parts
from orchestrator.domain.clock import rfc3339
from orchestrator.domain.tokens import KEY_ID_LENGTH
from orchestrator.service.withdrawing import Withdrawing
from orchestrator.settings import Settings
from orchestrator.storage.api_keys import (
    MOST_SECRETS,
    ApiKey,
    ApiKeys,
    TooManySecrets,
    Wanted,
    random_id,
)
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
            "state": _state_of(key),
            "createdAt": _moment(key.created_at),
            "expiresAt": _moment(key.expires_at),
            "lastUsedAt": used.get(key.id),
            "revokedAt": _moment(key.revoked_at),
        }
        for key in found
    ]


def _moment(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)


def _state_of(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.ended(runtime.now()) is not None:
        return "expired"
    return "in use" if key.is_readable else "unreadable"


async def rotate(settings: Settings, key_id: str, overlap: int) -> str:
    """The key with its new secret; Ended, saying why, where it can have none."""
    async with commands(settings) as redis:
        keys = ApiKeys(redis, runtime.now)
        known = await keys.read(key_id)
        if known is None:
            raise Ended(f"there is no key {key_id}", FAILED)
        _refuse_useless(known)
        if overlap and len(known.serving(runtime.now())) >= MOST_SECRETS:
            raise _too_many(known)
        await audit(settings, redis).note(KEY_ROTATED, actor(), key_id)
        try:
            token = await keys.rotate(key_id, 1000 * overlap)
        except TooManySecrets:
            raise _too_many(known) from None
        if token is None:
            raise Ended(f"the key {key_id} was revoked meanwhile", FAILED)
        return token.text


def _refuse_useless(key: ApiKey) -> None:
    """A new secret must serve."""
    ended = key.ended(runtime.now())
    if ended is not None:
        said = ended.said
        raise Ended(f"the key {key.id} {said}: make another with `ringout keys create`", FAILED)
    if not key.is_readable:
        said = "cannot be read by this version"
        raise Ended(f"the key {key.id} {said}: revoke it and make another", FAILED)


def _too_many(key: ApiKey) -> Ended:
    known = [until for until in key.serving(runtime.now()) if until is not None]
    until = f" ({rfc3339(min(known))})" if known else ""
    return Ended(
        f"--overlap: the key {key.id} has {MOST_SECRETS} secrets that serve, the most that one may "
        f"have: wait until the first of them ends{until}, or end all of them now with --overlap 0",
        FAILED,
    )


async def revoke(
    settings: Settings, key_id: str, *, cancel_calls: bool
) -> dict[str, list[str]] | None:
    """Its calls that wait still, and those that were cancelled; None where there is no such key."""
    async with parts(settings, FRONT_END) as found:
        redis = found.commands
        keys, notes = ApiKeys(redis, runtime.now), audit(settings, redis)
        if not await keys.exists(key_id):
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
