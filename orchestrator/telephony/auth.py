"""Access tokens: a fixed one, or one that a JWT credential is exchanged for.

All processes share one token through the store. Whoever finds it missing or past 80 % of its life
borrows the right to log in and saves what it gets; the others find it there. Nobody waits while
the old token is good. What went wrong is saved beside it, so that a wrong secret in twenty
processes costs one login in 30 seconds and not twenty: RingCentral allows an app 5 logins a
minute, and suspends one that keeps asking.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, Unpack
from uuid import uuid4

import structlog

from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGated,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.telephony import answers, wire
from orchestrator.telephony.link import Link, LinkOptions
from orchestrator.telephony.ports import Budget, TokenStore
from orchestrator.telephony.sealing import Kept, Seal, Setback
from orchestrator.telephony.transport import Transport

LOGINS_A_MINUTE = 4
"""One less than RingCentral allows an app."""

REFUSAL_LASTS_MS = 30_000
FAILURE_LASTS_MS = 12_000
LEASE_BEYOND_TIMEOUT = 5.0
_MINUTE_MS = 60_000
_POLL = 0.05
_BACKGROUND_PAUSE = 5.0

log = structlog.get_logger(__name__)


class Tokens(Protocol):
    """Where the client gets its access token from."""

    async def token(self) -> str:
        """A token that is good as far as is known here."""
        ...

    async def rejected(self, token: str) -> None:
        """RingCentral answered 401 to this token."""
        ...

    async def close(self) -> None:
        """Ends what runs in the background."""
        ...


class StaticToken:
    """A bearer token from the configuration, used as it is."""

    def __init__(self, api_key: str) -> None:
        self._api_key = api_key

    async def token(self) -> str:
        """The configured token."""
        return self._api_key

    async def rejected(self, token: str) -> None:
        """Nothing: there is no other token to be had."""

    async def close(self) -> None:
        """Nothing runs in the background."""


class JwtTokens:
    """Tokens by RingCentral's JWT flow, shared by all processes that use the same store.

    `token` raises UpstreamRefused (RingCentral refused the credentials within the last 30 s),
    UpstreamGated (the login limit), UpstreamUnavailable, or StorageUnavailable.
    """

    def __init__(
        self,
        *,
        server_url: str,
        client_id: str,
        client_secret: str,
        jwt: str,
        store: TokenStore,
        budget: Budget,
        **options: Unpack[LinkOptions],
    ) -> None:
        link = Link(**options)
        self._request = wire.token_request(client_id, client_secret, jwt)
        self._seal = Seal(client_secret, (server_url, client_id, jwt))
        self._transport: Callable[[], Transport] = lambda: Transport(server_url, link)
        self._transport()  # refuses an unusable address now
        self._store, self._budget, self._credential = store, budget, link.credential
        self._timeout, self._clock = link.timeout, link.clock
        self._owner = uuid4().hex
        self._held = Kept()
        self._rejected = ""
        self._quiet_until = 0
        self._renewal: asyncio.Task[Kept] | None = None

    async def token(self) -> str:
        """The shared token, at once while it is good; logs in where nobody has."""
        now = self._clock()
        if not self._held.is_good(now):
            return (await asyncio.shield(self._renewing())).token
        if self._held.is_ageing(now) and now >= self._quiet_until:
            self._renewing()
        return self._held.token

    async def rejected(self, token: str) -> None:
        """Drops the token if it is still the one in use; a newer one stays."""
        if self._held.token == token:
            self._held, self._rejected = Kept(), token

    async def close(self) -> None:
        """Stops a renewal that runs in the background; tokens may be asked for again later."""
        if self._renewal is not None and not self._renewal.done():
            self._renewal.cancel()
            with suppress(asyncio.CancelledError, RingOutError):
                await self._renewal

    def _renewing(self) -> asyncio.Task[Kept]:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
            self._renewal.add_done_callback(self._renewed)
        return self._renewal

    def _renewed(self, renewal: asyncio.Task[Kept]) -> None:
        if renewal.cancelled() or (failure := renewal.exception()) is None:
            return
        if not isinstance(failure, RingOutError):
            log.error("ringcentral_login_broke", credential=self._credential, exc_info=failure)
            return
        pause = failure.retry_after if isinstance(failure, Retryable) else _BACKGROUND_PAUSE
        self._quiet_until = self._clock() + round(1000 * max(pause, _BACKGROUND_PAUSE))
        log.warning(
            "ringcentral_login_failed",
            credential=self._credential,
            code=failure.code,
            detail=failure.detail,
        )

    async def _renew(self) -> Kept:
        if (found := await self._shared()) is not None:
            return found
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._timeout
        lease = self._timeout + LEASE_BEYOND_TIMEOUT
        while not await self._store.acquire(self._credential, self._owner, lease):
            if loop.time() >= deadline:
                raise UpstreamUnavailable("Another process is still logging in.", 1.0)
            await asyncio.sleep(_POLL)
            if (found := await self._shared()) is not None:
                return found
        try:
            # The one who held the right before may have saved just now.
            return await self._shared() or await self._log_in()
        finally:
            with suppress(StorageUnavailable):
                await self._store.release(self._credential, self._owner)

    async def _load(self) -> Kept:
        return self._seal.opened(await self._store.load(self._credential))

    async def _shared(self) -> Kept | None:
        """What another process has saved, if it is better than what is held here."""
        kept, now = await self._load(), self._clock()
        is_better = not kept.is_ageing(now) or not self._held.is_good(now)
        if kept.token != self._rejected and kept.is_good(now) and is_better:
            self._held = kept
            return kept
        if kept.setback is not None and kept.setback.until > now:
            raise kept.setback.as_error(now)
        return None

    async def _log_in(self) -> Kept:
        kept, now = await self._load(), self._clock()
        logins = tuple(at for at in kept.logins if at > now - _MINUTE_MS)
        if len(logins) >= LOGINS_A_MINUTE:
            wait = (logins[0] + _MINUTE_MS - now) / 1000
            raise UpstreamGated("Too many logins within a minute.", wait)
        await self._budget.admit(self._credential, wire.AUTH)
        kept = replace(kept, logins=(*logins, now))
        try:
            grant = await self._ask()
        except UpstreamRefused as refusal:
            until = self._clock() + REFUSAL_LASTS_MS
            setback = Setback(until, refusal.http_status, refusal.error_code, refusal.detail)
            await self._save(replace(kept, setback=setback))
            raise
        except UpstreamFailed as failure:
            setback = Setback(self._clock() + FAILURE_LASTS_MS, 0, "", failure.detail)
            await self._save(replace(kept, setback=setback))
            raise setback.as_error(self._clock()) from failure
        expires_at = now + round(1000 * grant.expires_in)
        self._held = Kept(grant.token, now, expires_at, kept.logins)
        await self._save(self._held)
        log.info("ringcentral_logged_in", credential=self._credential, life=grant.expires_in)
        return self._held

    async def _ask(self) -> answers.Grant:
        async with self._transport() as transport:
            answer = await transport.send(self._request)
        if (wait := answers.throttled(answer)) is not None:
            await _kept_going(self._budget.close_gate(self._credential, wire.AUTH, wait.seconds))
        return answers.grant_of(answer)

    async def _save(self, kept: Kept) -> None:
        seconds = kept.kept_for(self._clock())
        await _kept_going(self._store.save(self._credential, self._seal.sealed(kept), seconds))


async def _kept_going(writing: Awaitable[None]) -> None:
    """A token that cannot be shared is still a token."""
    try:
        await writing
    except StorageUnavailable as unavailable:
        log.warning("ringcentral_login_not_shared", detail=unavailable.detail)
