"""The provider's keys, kept: asked for when they are old and when a token names an unknown one.

Keys that are known go on being used while the provider is away, for a day; one question serves
everyone who needs its answer, and tokens that name made-up keys cause few.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import structlog

from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import IdentityUnavailable
from orchestrator.identity.keys import Key, fitting
from orchestrator.identity.provider import KeysUnavailable, Provider

_PAUSE_MS = 30_000
_PAUSE_WITHOUT_KEYS_MS = 5_000
_GRACE_MS = 86_400_000
_AWAY = "The identity provider's keys cannot be had, so that no token of its can be checked."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Held:
    keys: tuple[Key, ...] = ()
    fresh_until: int = 0
    usable_until: int = 0


class Keyring:
    """One provider's keys."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock
        self._held = _Held()
        self._tried_at: int | None = None
        self._asking: asyncio.Task[None] | None = None

    async def key(self, kid: str | None, algorithm: str) -> Key | None:
        """The key that a token names; None where the provider has none such.

        IdentityUnavailable where no key at all is known.
        """
        if self._clock() >= self._held.usable_until:
            await self._ask(_PAUSE_WITHOUT_KEYS_MS)
            if self._clock() >= self._held.usable_until:
                raise IdentityUnavailable(_AWAY, _PAUSE_WITHOUT_KEYS_MS / 1000)
        elif self._clock() >= self._held.fresh_until:
            self._start(_PAUSE_MS)
        found = fitting(self._held.keys, kid, algorithm)
        if found is None:
            await self._ask(_PAUSE_MS)
            found = fitting(self._held.keys, kid, algorithm)
        return found

    async def close(self) -> None:
        """Gives up a question under way."""
        if self._asking is not None:
            self._asking.cancel()
            with suppress(asyncio.CancelledError):
                await self._asking

    async def _ask(self, pause: int) -> None:
        """Asks the provider, unless it was asked within the pause."""
        self._start(pause)
        if self._asking is not None:
            await asyncio.shield(self._asking)

    def _start(self, pause: int) -> None:
        now = self._clock()
        if self._asking is not None or (
            self._tried_at is not None and self._tried_at <= now < self._tried_at + pause
        ):
            return
        self._tried_at = now
        self._asking = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        try:
            got = await self._provider.key_set()
        except KeysUnavailable as error:
            log.warning("identity_provider_away", reason=str(error))
        else:
            fresh_until = self._clock() + 1000 * got.max_age
            self._held = _Held(got.keys, fresh_until, fresh_until + _GRACE_MS)
            log.info("identity_keys", keys=len(got.keys), max_age=got.max_age)
        finally:
            self._asking = None
