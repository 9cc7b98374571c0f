"""Access tokens: a fixed one, or one that a JWT credential is exchanged for.

All processes share one token through the store. Whoever finds it missing or past 80 % of its life
borrows the right to log in and saves what it gets; the others find it there. Nobody waits while
the old token is good. Logins are paid for from the app's own bucket, whoever makes them:
RingCentral allows an app 5 a minute, and suspends one that keeps asking. A credential that it
refuses is parked: the refusal is saved for all, told to whoever looks, and nobody tries again
before five minutes are over.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from typing import Protocol, Unpack
from uuid import uuid4

import structlog

from orchestrator.domain.budget import Heard, Payer, Payment
from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.telephony import answers, wire
from orchestrator.telephony.link import Link, LinkOptions
from orchestrator.telephony.ports import Budget, TokenStore
from orchestrator.telephony.sealing import Kept, Seal, Setback
from orchestrator.telephony.transport import Transport

REFUSAL_LASTS_MS = 300_000
FAILURE_LASTS_MS = 12_000
LEASE_BEYOND_TIMEOUT = 5.0
_POLL = 0.05
_BACKGROUND_PAUSE = 5.0

log = structlog.get_logger(__name__)


def app_name(client_id: str) -> str:
    """The payer of an app's logins: its name is no secret, and not shown all the same."""
    return f"app-{sha256(client_id.encode()).hexdigest()[:12]}"


class Tokens(Protocol):
    """Where the client gets its access token from."""

    async def token(self) -> str:
        """A token that is good as far as is known here."""
        ...

    def in_hand(self) -> str:
        """The token, without asking anybody for one; empty where `token` has to get it first."""
        ...

    async def rejected(self, token: str) -> bool:
        """RingCentral answered 401 to this token. Whether the request is worth repeating with
        another: not where this one has itself replaced a rejected one and placed no call since."""
        ...

    def accepted(self) -> None:
        """RingCentral has placed a call for the token in hand."""
        ...

    async def scope(self) -> frozenset[str] | None:
        """What a good token permits, by RingCentral's names; None where it was not said. Raises
        what `token` does."""
        ...

    async def needs_login(self) -> bool:
        """Whether asking for a token now would make RingCentral be asked for one."""
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

    def in_hand(self) -> str:
        """The configured token."""
        return self._api_key

    async def rejected(self, token: str) -> bool:
        """False: there is no other token to be had."""
        return token != self._api_key

    def accepted(self) -> None:
        """Nothing."""

    async def scope(self) -> frozenset[str] | None:
        """None: RingCentral tells the scope of a token only to who logs in."""
        return None

    async def needs_login(self) -> bool:
        """Never."""
        return False

    async def close(self) -> None:
        """Nothing runs in the background."""


class JwtTokens:
    """Tokens by RingCentral's JWT flow, shared by all processes that use the same store.

    `token` raises UpstreamRefused (RingCentral refused the credential within the last 5 minutes),
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
        account: str = "~",
        **options: Unpack[LinkOptions],
    ) -> None:
        link = Link(**options)
        self._request = wire.token_request(client_id, client_secret, jwt)
        self._seal = Seal(client_secret, (server_url, client_id, jwt))
        self._transport: Callable[[], Transport] = lambda: Transport(server_url, link)
        self._transport()  # refuses an unusable address now
        self._store, self._budget, self._credential = store, budget, link.credential
        self._app = Payer(app_name(client_id), account)
        self._timeout, self._clock = link.timeout, link.clock
        self._owner = uuid4().hex
        self._held = Kept()
        self._rejected = ""
        self._is_replaceable = True
        self._on_trial_until = 0
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

    def in_hand(self) -> str:
        """The token that was last found or granted here, unless it was rejected."""
        return self._held.token

    async def rejected(self, token: str) -> bool:
        """Drops the token if it is still the one in use; a newer one stays. A token that is got
        for a rejected one is on trial for five minutes, or until a call was placed with it."""
        if token == self._rejected:
            return self._is_replaceable
        if token != self._held.token:
            return True
        now = self._clock()
        self._is_replaceable = now >= self._on_trial_until
        self._on_trial_until = now + REFUSAL_LASTS_MS
        self._held, self._rejected = Kept(), token
        return self._is_replaceable

    def accepted(self) -> None:
        """The token in hand is a good one."""
        self._on_trial_until = 0

    async def scope(self) -> frozenset[str] | None:
        """What the shared token permits, as RingCentral said when it was granted."""
        await self.token()
        return frozenset(self._held.scope.split()) or None

    async def needs_login(self) -> bool:
        """Whether no good token is shared, and no refusal of the last five minutes either."""
        now = self._clock()
        if self._held.is_good(now):
            return False
        kept = await self._load()
        is_parked = kept.setback is not None and kept.setback.until > now
        return not (kept.is_good(now) or is_parked)

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
        payment = await self._budget.spend(self._app, wire.AUTH)
        try:
            grant = await self._ask(payment)
        except UpstreamRefused as refusal:
            until = self._clock() + REFUSAL_LASTS_MS
            setback = Setback(until, refusal.http_status, refusal.error_code, refusal.detail)
            await self._save(replace(kept, setback=setback))
            parking = self._store.park(self._credential, refusal.error_code, refusal.detail)
            await _kept_going(parking)
            raise
        except UpstreamFailed as failure:
            setback = Setback(self._clock() + FAILURE_LASTS_MS, 0, "", failure.detail)
            await self._save(replace(kept, setback=setback))
            raise setback.as_error(self._clock()) from failure
        expires_at = now + round(1000 * grant.expires_in)
        self._held = Kept(grant.token, now, expires_at, scope=grant.scope)
        await self._save(self._held)
        await _kept_going(self._store.unpark(self._credential))
        log.info("ringcentral_logged_in", credential=self._credential, life=grant.expires_in)
        return self._held

    async def _ask(self, payment: Payment) -> answers.Grant:
        try:
            async with self._transport() as transport:
                answer = await transport.send(self._request)
        except UpstreamUnavailable:
            await _kept_going(self._budget.refund(payment))
            raise
        except UpstreamFailed:
            await _kept_going(self._budget.settle(payment, Heard(answered=False)))
            raise
        heard = Heard(penalty=answers.throttled(answer))
        await _kept_going(self._budget.settle(payment, heard))
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
