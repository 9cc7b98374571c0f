"""Who is let in: what a request shows is proved against the keys there are now.

Every proof asks Redis, in one round trip, so that a key that was revoked serves no more from that
moment. A refusal is the same whatever was wrong with what was shown.
"""

import asyncio
import hashlib
from asyncio import Task
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn, Protocol, Self

from orchestrator.domain import tokens
from orchestrator.domain.access import Principal
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import (
    NO_CREDENTIALS,
    StorageUnavailable,
    TooManyFailures,
    Unauthenticated,
)
from orchestrator.domain.tokens import Kind, Shown, Token
from orchestrator.storage.api_keys import ApiKey, ApiKeys, takes_nothing
from orchestrator.storage.connection import Commands
from orchestrator.storage.failures import WINDOW_MS, Failures
from orchestrator.storage.grants import Grants

_LOOK_S = 0.5
_USED_MS = 60_000
_WITHIN_S = 5.0
_MOST_KNOWN = 4_096
_TOO_MANY = "Too many attempts to authenticate from this address have failed."


class Issuer(Protocol):
    """The identity provider whose access tokens are taken beside keys."""

    async def principal(self, token: str) -> Principal | None:
        """Whom the token is of; None where it is not valid."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved: `key` and `secret` (its digest) are empty for a token of the provider."""

    principal: Principal
    key: str = ""
    secret: str = ""
    token: Token | None = None


@dataclass
class Gatekeeper:
    """Proves who asks. `may_open` says whether the house may be open while there is no key:
    only where nobody outside the machine can reach the process, and there is no provider."""

    keys: ApiKeys
    grants: Grants
    failures: Failures
    clock: Clock
    may_open: bool
    most_failures: int
    issuer: Issuer | None = None
    _is_open: bool | None = None
    _known: dict[bytes, int] = field(default_factory=dict)
    _used: dict[str, int] = field(default_factory=dict)
    _noting: set[Task[None]] = field(default_factory=set)

    @classmethod
    def over(
        cls,
        commands: Commands,
        clock: Clock,
        *,
        may_open: bool,
        most_failures: int,
        issuer: Issuer | None = None,
    ) -> Self:
        """One that looks into Redis."""
        keys, grants = ApiKeys(commands, clock), Grants(commands, clock)
        return cls(keys, grants, Failures(commands), clock, may_open, most_failures, issuer)

    async def is_open(self, shown: Shown | None) -> bool:
        """Whether nobody needs to show anything: no key was ever made. Where Redis is away it is
        as it was known last, and closed where nothing was known. Who shows something of ours may
        be the first to have a key: then it is looked up anew."""
        if not self.may_open:
            return False
        is_ours = shown is not None and shown.text.startswith(tokens.OURS)
        if self._is_open is None or (self._is_open and is_ours):
            await self._look()
        return bool(self._is_open)

    async def keep_fresh(self) -> None:
        """Notices the first key within a second, until it is there; for ever where it may not be
        open at all."""
        while self.may_open and self._is_open is not False:
            await self._look()
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> None:
        with suppress(StorageUnavailable):
            self._is_open = not await self.keys.any_made()

    async def admitted(self, shown: Shown | None, address: str) -> Principal:
        """Whom what is shown proves.

        Unauthenticated; TooManyFailures for an address that has failed too often, except for what
        was proved here within the last minute; StorageUnavailable.
        """
        return (await self.proved(shown, address)).principal

    async def proved(self, shown: Shown | None, address: str) -> Proof:
        """What `admitted` answers, and by what it is proved."""
        if shown is None:
            raise self._nothing_shown()
        mark = hashlib.sha256(shown.text.encode("utf-8", "surrogatepass")).digest()
        is_known = self.clock() < self._known.get(mark, 0)
        if shown.is_session or not self._is_foreign(shown):
            failed, proof = await asyncio.gather(self.failures.count(address), self._by_ours(shown))
            if failed >= self.most_failures and not is_known:
                await self._refuse_more(address)
        else:
            if not is_known:
                await self.check_failures(address)
            proof = await self._by_issuer(shown)
        if proof is None:
            self._known.pop(mark, None)
            await self.failed(address)
        self._remember(mark)
        return proof

    def _nothing_shown(self) -> Unauthenticated | StorageUnavailable:
        if self.may_open and self._is_open is None:
            return StorageUnavailable("Redis did not answer in time.", retry_after=1)
        return Unauthenticated(NO_CREDENTIALS)

    async def failed(self, address: str) -> NoReturn:
        """Counts a failed attempt; Unauthenticated."""
        await self.failures.note(address)
        raise Unauthenticated(NO_CREDENTIALS, was_shown=True)

    async def check_failures(self, address: str) -> None:
        """TooManyFailures where too many attempts from the address have failed."""
        if await self.failures.count(address) >= self.most_failures:
            await self._refuse_more(address)

    async def _refuse_more(self, address: str) -> NoReturn:
        raise TooManyFailures(_TOO_MANY, max(1, await self.failures.left(address)))

    def _is_foreign(self, shown: Shown) -> bool:
        return self.issuer is not None and not shown.text.startswith(tokens.OURS)

    async def _by_issuer(self, shown: Shown) -> Proof | None:
        found = await self.issuer.principal(shown.text) if self.issuer and shown.text else None
        return None if found is None else Proof(found)

    async def _by_ours(self, shown: Shown) -> Proof | None:
        token = tokens.parsed(shown.text)
        expected = {Kind.SESSION} if shown.is_session else {Kind.KEY, Kind.ACCESS}
        if token is None or token.kind not in expected:
            return None
        return await self.by_token(token)

    async def by_token(self, token: Token) -> Proof | None:
        """What a token proves now; None: nothing."""
        key, secret = await asyncio.gather(self.keys.read(token.key), self._secret(token))
        digest = secret or ""
        is_right = key.takes(digest, self.clock()) if key else takes_nothing(digest)
        if key is None or not is_right:
            return None
        self._note_use(key)
        return Proof(key.principal, key.id, digest, token)

    async def _secret(self, token: Token) -> str | None:
        if token.kind is Kind.KEY:
            return token.digest
        return await self.grants.secret_of(token)

    def _remember(self, mark: bytes) -> None:
        self._known.pop(mark, None)
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[mark] = self.clock() + WINDOW_MS

    def _note_use(self, key: ApiKey) -> None:
        now = self.clock()
        if now < self._used.get(key.id, 0) + _USED_MS:
            return
        self._used[key.id] = now
        noting = asyncio.create_task(self._noted(key.id))
        self._noting.add(noting)
        noting.add_done_callback(self._noting.discard)

    async def _noted(self, key_id: str) -> None:
        with suppress(StorageUnavailable):
            await self.keys.used(key_id)


async def any_usable(commands: Commands, clock: Clock) -> bool | None:
    """Whether there is a key that serves; None where Redis does not answer for some seconds."""
    keys, loop = ApiKeys(commands, clock), asyncio.get_running_loop()
    give_up = loop.time() + _WITHIN_S
    while loop.time() < give_up:
        with suppress(StorageUnavailable):
            return await keys.any_usable()
        await asyncio.sleep(_LOOK_S)
    return None
