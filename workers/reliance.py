"""How far the looks may rely on RingCentral's notifications.

While the feed of a call's credential works, its next look is a safety net and far away; a notice
makes it due at once. Where the feed is silent, lost or in doubt, looks are as they are without.
"""

from dataclasses import dataclass
from time import monotonic

from orchestrator.domain.cadence import DOUBT, NOTICE_IS_FRESH, is_in_doubt, stretched
from orchestrator.domain.calls import Call
from orchestrator.domain.clock import Clock
from orchestrator.domain.credentials import OWN
from orchestrator.domain.notices import OVER, is_told_of
from orchestrator.domain.status import Reading
from orchestrator.storage.credentials import CredentialBook
from orchestrator.storage.feeds import Feeds, FeedState, Standing
from orchestrator.storage.looks import Claimed

_KNOWN_FOR_S = 1.0
_IN_FLIGHT_MS = 1_000
"""A status that was read so soon after a notice may have been asked for before it."""


@dataclass(frozen=True, slots=True)
class _Known:
    at: float
    standing: Standing


class Reliance:
    """StorageUnavailable comes through. `feeds` is None where no notifications are wanted."""

    def __init__(
        self, feeds: Feeds | None, book: CredentialBook, clock: Clock, factor: float
    ) -> None:
        self._feeds, self._book, self._clock, self._factor = feeds, book, clock, factor
        self._standings: dict[str, _Known] = {}

    async def wait(self, claimed: Claimed, reading: Reading, wait: int) -> int:
        """The milliseconds before the next look at a call that was read like this, instead of
        `wait`."""
        call = claimed.record.call
        if call.cancel_pending:
            return wait
        told = None if claimed.told is None else round(claimed.told / self._factor)
        if not is_told_of(reading, told, claimed.words) or not await self._works(call, claimed):
            return wait
        return round(stretched(round(wait / self._factor)) * self._factor)

    def is_news(self, claimed: Claimed) -> bool:
        """Whether the call was told of since its status was last asked for, as far as is known."""
        unread = self._clock() - (claimed.record.call.read_at or 0)
        return claimed.told is not None and claimed.told <= unread + _IN_FLIGHT_MS

    async def found_over(self, claimed: Claimed) -> None:
        """A look found the call over: where nothing told of it, the feed may not work."""
        call = claimed.record.call
        if self._feeds is None or OVER in claimed.words or not await self._works(call, claimed):
            return
        read_at = call.read_at or call.placed_at or call.accepted_at
        standing = await self._standing(call.credential)
        if self._clock() - read_at < standing.since:
            span = round((NOTICE_IS_FRESH + DOUBT) * self._factor)
            await self._feeds.suspect(call.credential, call.id, span)

    async def _works(self, call: Call, claimed: Claimed) -> bool:
        if self._feeds is None or not self._is_covered(call, claimed):
            return False
        standing = await self._standing(call.credential)
        missed = None if standing.missed is None else round(standing.missed / self._factor)
        return standing.state == FeedState.LISTENING and not is_in_doubt(missed)

    def _is_covered(self, call: Call, claimed: Claimed) -> bool:
        """Whether the feed tells of the call's extension: that of the credential."""
        credential = self._book.named(call.credential)
        own = OWN if credential is None else credential.extension
        return call.extension_id in (OWN, own) or claimed.told is not None

    async def _standing(self, credential: str) -> Standing:
        known, now = self._standings.get(credential), monotonic()
        if known is None or now - known.at >= _KNOWN_FOR_S or self._feeds is None:
            standing = await self._feeds.standing(credential) if self._feeds else Standing()
            known = self._standings[credential] = _Known(now, standing)
        return known.standing
