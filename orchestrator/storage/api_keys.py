"""The API keys: what is kept of each, and what is given out in its place for a while.

Of a secret only its SHA-256 is kept, which nobody can turn back: a secret has 196 random bits. A
key that was revoked stays listed, so that it can be told that there ever was one. One whose record
cannot be read, a newer version's perhaps, lets nobody in, is listed too, and can be revoked.
"""

import hmac
import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from secrets import choice
from typing import NamedTuple

import structlog

from orchestrator.domain.access import Principal, Quota, Scope, quotas_of
from orchestrator.domain.clock import Clock, from_rfc3339, rfc3339
from orchestrator.domain.tokens import KEY_ID_LENGTH, SECRET_LENGTH, Kind, Token
from orchestrator.storage import access_keys as keys
from orchestrator.storage import scripts
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.reading import NOT_READABLE, ids, shown
from orchestrator.storage.records import as_json

_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits
_NOBODY = "0" * 64
MOST_SECRETS = 5
"""Of one key, that serve at the same time."""

log = structlog.get_logger(__name__)


def random_id(length: int) -> str:
    """A new id of small letters and digits."""
    return "".join(choice(_ID_LETTERS) for _ in range(length))


def random_secret() -> str:
    """A new secret of letters and digits."""
    return "".join(choice(_SECRET_LETTERS) for _ in range(SECRET_LENGTH))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a new key is to be. Times are ms; None: for ever, any phone."""

    name: str
    scopes: frozenset[Scope]
    expires_at: int | None = None
    callers: frozenset[str] | None = None
    forwarding_numbers: frozenset[str] | None = None
    quotas: str = ""


class Ended(NamedTuple):
    """What ended a key: a code, and what is said of the key."""

    code: str
    said: str


class TooManySecrets(Exception):
    """The key would have to lose a secret whose overlap has not ended."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is kept; `secrets` are (digest, until when it serves, None for no end).

    Of one that cannot be read no more is known than when it ended, as far as that can be read.
    """

    id: str
    name: str
    scopes: frozenset[Scope]
    created_at: int | None
    expires_at: int | None
    revoked_at: int | None
    secrets: tuple[tuple[str, int | None], ...]
    callers: frozenset[str] | None
    forwarding_numbers: frozenset[str] | None
    quotas: tuple[Quota, ...]
    is_readable: bool = True

    def is_usable(self, now: int) -> bool:
        """Whether it can be read, and was neither revoked nor has expired."""
        return self.is_readable and self.ended(now) is None

    def ended(self, now: int) -> Ended | None:
        """Why it is of no use any more; None where it still is."""
        if self.revoked_at is not None:
            return Ended("key_revoked", "was revoked")
        if self.expires_at is not None and now >= self.expires_at:
            return Ended("key_expired", "has expired")
        return None

    def takes(self, digest: str, now: int) -> bool:
        """Whether the digest is of one of its secrets that serve now."""
        found = takes_nothing(digest) if not self.is_readable else False
        for kept, until in self.secrets:
            is_same = hmac.compare_digest(kept, digest)
            found |= is_same and (until is None or now < until)
        return found and self.is_usable(now)

    def serving(self, now: int) -> list[int | None]:
        """Until when each of its secrets serves that does now."""
        return [until for _, until in self.secrets if until is None or now < until]

    @property
    def principal(self) -> Principal:
        """Who asks with it."""
        return Principal(
            self.id, self.name, self.scopes, self.callers, self.forwarding_numbers, self.quotas
        )


def takes_nothing(digest: str) -> bool:
    """False, at the price of `ApiKey.takes`: for a key that there is not."""
    return hmac.compare_digest(_NOBODY, digest) and False


class ApiKeys:
    """Makes, reads, rotates and revokes; every method raises StorageUnavailable without Redis."""

    def __init__(self, commands: Commands, clock: Clock) -> None:
        self._commands = commands
        self._clock = clock

    async def create(self, wanted: Wanted, key_id: str | None = None) -> Token:
        """A new key, whose secret is never to be had again."""
        token = Token(Kind.KEY, key_id or random_id(KEY_ID_LENGTH), random_secret())
        now = self._clock()
        fields = {
            "name": wanted.name,
            "scopes": " ".join(sorted(wanted.scopes)),
            "createdAt": rfc3339(now),
            "secrets": as_json([{"hash": token.digest}]),
            "quotas": wanted.quotas,
        }
        if wanted.expires_at is not None:
            fields["expiresAt"] = rfc3339(wanted.expires_at)
        if wanted.callers is not None or wanted.forwarding_numbers is not None:
            fields["callers"] = " ".join(sorted(wanted.callers or ()))
            fields["forwardingNumbers"] = " ".join(sorted(wanted.forwarding_numbers or ()))
        flat = [part for pair in fields.items() for part in pair]
        where = [keys.api_key(token.key), keys.ALL]
        await self._commands.run(scripts.PUT_KEY, where, token.key, now, *flat)
        return token

    async def rotate(self, key_id: str, overlap: int) -> Token | None:
        """The key with a new secret, the others serving `overlap` ms longer; None: no such key.

        TooManySecrets where so many serve then that one would have to go before its time.
        """
        token, now = Token(Kind.KEY, key_id, random_secret()), self._clock()
        where = [keys.api_key(key_id)]
        arguments = (token.digest, now + overlap, now, MOST_SECRETS)
        done = await self._commands.run(scripts.ROTATE_KEY, where, *arguments)
        if done < 0:
            raise TooManySecrets
        return token if done else None

    async def revoke(self, key_id: str) -> bool:
        """Whether there is such a key; it serves no more."""
        where = [keys.api_key(key_id)]
        return bool(await self._commands.run(scripts.REVOKE_KEY, where, rfc3339(self._clock())))

    async def any_made(self) -> bool:
        """Whether there ever was a key."""
        return bool(await self._commands.execute("EXISTS", keys.ALL))

    async def any_usable(self) -> bool:
        """Whether there is a key that was neither revoked nor has expired."""
        now = self._clock()
        return any(key.is_usable(now) for key in await self.listed())

    async def read(self, key_id: str) -> ApiKey | None:
        """The key; None where there is none."""
        try:
            flat = await self._commands.execute("HGETALL", keys.api_key(key_id))
        except WrongType as error:
            return _strange(key_id, {}, error)
        return _key(key_id, flat)

    async def exists(self, key_id: str) -> bool:
        """Whether there is such a key, that can be read or not."""
        return bool(await self._commands.execute("EXISTS", keys.api_key(key_id)))

    async def listed(self) -> list[ApiKey]:
        """All keys, oldest first, those that were revoked or cannot be read among them."""
        members = await self._commands.execute("ZRANGE", keys.ALL, 0, -1)
        found = [await self.read(one) for one in ids(members, keys.ALL)]
        return [one for one in found if one is not None]

    async def used(self, key_id: str) -> None:
        """Notes that a key was used now."""
        moment = rfc3339(self._clock())
        await self._commands.execute("HSET", keys.USED, key_id, moment)

    async def last_used(self) -> dict[str, str]:
        """When keys were used last, by their ids: RFC 3339, to the minute or so."""
        found = await self._commands.execute("HGETALL", keys.USED)
        texts_ = {shown(name): shown(at) for name, at in _pairs(found)}
        return {name: at for name, at in texts_.items() if _moment_or_none(at) is not None}


def _pairs(flat: Mapping[bytes, bytes] | Sequence[bytes]) -> list[tuple[bytes, bytes]]:
    if isinstance(flat, Mapping):
        return list(flat.items())
    return list(zip(flat[::2], flat[1::2], strict=True))


def texts(flat: Mapping[bytes, bytes] | Sequence[bytes]) -> dict[str, str]:
    """A hash as Redis answers it."""
    return {name.decode(): value.decode() for name, value in _pairs(flat)}


def _key(key_id: str, flat: Mapping[bytes, bytes] | Sequence[bytes]) -> ApiKey | None:
    if not flat:
        return None
    try:
        return _read(key_id, texts(flat))
    except NOT_READABLE as error:
        return _strange(key_id, {name: shown(value) for name, value in _pairs(flat)}, error)


def _read(key_id: str, row: Mapping[str, str]) -> ApiKey:
    """Scopes that this version does not know are left out: nobody may do here what they are for."""
    known = frozenset(Scope)
    return ApiKey(
        key_id,
        row["name"],
        frozenset(Scope(one) for one in row["scopes"].split() if one in known),
        from_rfc3339(row["createdAt"]),
        _moment(row.get("expiresAt")),
        _moment(row.get("revokedAt")),
        _secrets(row["secrets"]),
        _names(row.get("callers")),
        _names(row.get("forwardingNumbers")),
        _quotas(row.get("quotas") or "off"),
    )


def _strange(key_id: str, row: Mapping[bytes, str], error: Exception) -> ApiKey:
    """A key that cannot be read: what was revoked stays revoked, what has expired stays so."""
    log.warning("key_not_readable", key=key_id, error=type(error).__name__)
    revoked = row.get(b"revokedAt")
    revoked_at = None if revoked is None else _moment_or_none(revoked) or 0
    expires_at = _moment_or_none(row.get(b"expiresAt", ""))
    nothing: frozenset[Scope] = frozenset()
    return ApiKey(
        key_id, "", nothing, None, expires_at, revoked_at, (), None, None, (), is_readable=False
    )


def _secrets(text: str) -> tuple[tuple[str, int | None], ...]:
    found = tuple((one["hash"], one.get("until")) for one in json.loads(text))
    if not found or not all(name.isascii() and (until or 0) >= 0 for name, until in found):
        raise ValueError("no secrets")
    return found


def _quotas(text: str) -> tuple[Quota, ...]:
    found = quotas_of(text)
    if not all(one.most > 0 and one.seconds > 0 for one in found):
        raise ValueError("no quotas")
    return found


def _moment_or_none(text: str) -> int | None:
    try:
        return from_rfc3339(text)
    except NOT_READABLE:
        return None


def _moment(text: str | None) -> int | None:
    return None if text is None else from_rfc3339(text)


def _names(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(text.split())
