"""One look at a live call: its own status, or its extension's presence where many are live.

A status costs one of fifty light requests a minute, presence costs one for all calls of an
extension. Presence tells that a call began to be answered, and that it is over; it does not tell
when the second leg answers, nor how a call ended. So where an extension has several live calls,
presence says which of them has moved, and only that one's status is read, besides a reading now
and then.
"""

from collections import OrderedDict
from enum import Enum

import structlog

from orchestrator.domain import calls
from orchestrator.domain.cadence import PRESENCE_EVERY, next_look, reading_is_due
from orchestrator.domain.calls import Call, Reason
from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.evidence import Sighting, Sought, ends, sighted
from orchestrator.domain.status import Reading
from orchestrator.domain.words import Outcome
from orchestrator.storage.calls import Look
from orchestrator.storage.looks import Claimed
from workers.context import Work

log = structlog.get_logger(__name__)

LOOKS_OF_A_CALL = 17
"""About how often a minute the status of a call is read; more than the limit allows for all live
calls of an extension, and presence is cheaper."""

STATUS_PACE, CHANGED_PACE = 0.2, 0.28
"""What a sixth of the window may take of its limit: of fifty a minute, ten statuses in ten seconds,
and four requests more for presence, which shows all calls, and for calls that it shows to have
changed. So a burst leaves no call unlooked at for the rest of the minute."""

RINGING = "Ringing"
"""RingCentral's word in presence, as long as the first leg has not answered."""

_SMALLEST_CROWD = 3

_CROWD_WITHIN_MS = 30_000
_AFTER_A_REFUSAL_MS = 30_000
_LONGEST_WAIT_MS = 60_000
"""A closed gate is asked again after this, which sends nothing to RingCentral."""

_TOLD_AGAIN_MS = 250
"""What RingCentral told of and could not be read is read as soon as that may be."""

_NO_PRESENCE_FOR_MS = 600_000


class Seen(Enum):
    """What presence shows of a call."""

    NOT = "not"
    """Nothing, or it was not asked."""
    GONE = "gone"
    """Nothing more: it is over, or hidden by others."""
    MOVED = "moved"
    """Something has happened that a reading would tell."""
    UNREAD = "unread"
    """No change, and its status was not read for long."""
    UNMOVED = "unmoved"


class Crowds:
    """How many live calls each credential has had a look at of late, in this process."""

    def __init__(self) -> None:
        self._seen: dict[str, OrderedDict[str, int]] = {}

    def is_crowded(self, call: Call, now: int, looks_a_minute: float | None) -> bool:
        """Whether this call and others of its extension make presence worth while."""
        seen = self._seen.setdefault(call.credential, OrderedDict())
        seen[call.id] = now
        seen.move_to_end(call.id)
        while seen and next(iter(seen.values())) < now - _CROWD_WITHIN_MS:
            seen.popitem(last=False)
        if looks_a_minute is None:
            return False
        return len(seen) >= max(_SMALLEST_CROWD, looks_a_minute / LOOKS_OF_A_CALL)

    def left(self, call: Call) -> None:
        """The call is not live any more."""
        seen = self._seen.get(call.credential)
        if seen is not None:
            seen.pop(call.id, None)
            if not seen:
                del self._seen[call.credential]


def _after(error: RingOutError, usual: int) -> int:
    """The wait before a look that could not be made is made again."""
    asked_for = error.retry_after * 1000 if isinstance(error, Retryable) else 0
    return max(min(round(asked_for), _LONGEST_WAIT_MS), usual)


class Looker:
    """Looks at calls that were claimed; StorageUnavailable and CallNotFound come through."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._crowds = Crowds()
        self._without_presence: dict[str, int] = {}

    async def look(self, claimed: Claimed) -> None:
        """One look, and the time of the next."""
        work, call = self._work, claimed.record.call
        await work.meet(call)
        if not call.is_followed:
            self._crowds.left(call)
            await work.looks.drop(call.id, claimed.lease)
        elif work.clock() - call.accepted_at > work.longest_call:
            reason = Reason("followed_too_long", "The call was followed as long as is allowed.")
            await work.store.change(
                claimed.record,
                lambda now: calls.ended(now, work.clock(), Outcome.UNKNOWN, reason),
            )
        elif work.reliance.is_news(claimed):
            await self._read(claimed)
        elif (seen := await self._seen(claimed)) is not Seen.UNMOVED:
            await self._read(claimed, seen)

    async def _seen(self, claimed: Claimed) -> Seen:
        """What presence shows of a call that is one of many, where it may be asked."""
        work, call = self._work, claimed.record.call
        now = work.clock()
        is_crowded = self._crowds.is_crowded(call, now, self._looks_a_minute(call))
        is_barred = self._without_presence.get(call.credential, 0) > now
        if not is_crowded or is_barred or call.cancel_pending or call.cannot_reach_since:
            return Seen.NOT
        shown = await self._shown(call)
        if shown is None:
            return Seen.NOT
        found = await self._found(call, shown)
        if found is None:
            return Seen.GONE if call.sighting else Seen.NOT
        if found.status != (call.sighting or RINGING):
            await self._note(claimed, found)
            return Seen.MOVED
        age = round((now - (call.placed_at or call.accepted_at)) / work.factor)
        unread = round((now - (call.read_at or 0)) / work.factor)
        answered = found.status != RINGING and call.connected_at is None
        if reading_is_due(age, unread, answered=answered):
            return Seen.UNREAD
        wait = round(PRESENCE_EVERY * work.factor)
        look = Look(claimed.lease, await work.reliance.wait(claimed, call.status, wait))
        await work.store.change(
            claimed.record,
            lambda known: calls.sighted(known, work.clock(), found.session_id, found.status),
            look=look,
        )
        return Seen.UNMOVED

    def _looks_a_minute(self, call: Call) -> float | None:
        try:
            looks = self._work.upstream(call).looks_a_minute()
        except UpstreamRefused:
            return None
        return None if looks is None else looks * self._work.factor

    async def _shown(self, call: Call) -> list[Sighting] | None:
        """The live calls of the call's extension; None where presence cannot be asked."""
        work = self._work
        try:
            upstream = work.upstream(call)
            return await work.glances.presence(
                call.account_id,
                call.extension_id,
                lambda: upstream.presence(call.account_id, call.extension_id, pace=CHANGED_PACE),
                round(PRESENCE_EVERY * work.factor * 0.8),
            )
        except UpstreamRefused as refusal:
            log.info("presence_refused", credential=call.credential, code=refusal.error_code)
            self._without_presence[call.credential] = work.clock() + _NO_PRESENCE_FOR_MS
            return None
        except StorageUnavailable:
            raise
        except (Retryable, UpstreamFailed):
            return None

    async def _found(self, call: Call, shown: list[Sighting]) -> Sighting | None:
        work = self._work
        known = frozenset({call.session_id or "", call.ringout_id or ""})
        numbers = frozenset() if call.session_id else ends(await work.store.request(call.id) or {})
        return sighted(shown, Sought(numbers, call.asked_at or call.accepted_at), known)

    async def _note(self, claimed: Claimed, found: Sighting) -> None:
        """What presence says now, so that the next look sees whether it has changed."""
        session_id, status = found.session_id, found.status
        await self._work.store.change(
            claimed.record,
            lambda known: calls.sighted(known, self._work.clock(), session_id, status),
        )

    async def _read(self, claimed: Claimed, seen: Seen = Seen.NOT) -> None:
        """The call's own status: those first of which is known that they have changed."""
        work, call = self._work, claimed.record.call
        asked_at, is_news = work.clock(), work.reliance.is_news(claimed)
        usual_pace = CHANGED_PACE if seen in (Seen.GONE, Seen.MOVED) else STATUS_PACE
        pace = 0 if is_news else usual_pace
        try:
            reading = await work.upstream(call).status(
                call.account_id,
                call.extension_id,
                call.ringout_id or "",
                pace=0 if is_news else pace,
            )
        except UpstreamGone:
            self._crowds.left(call)
            await work.store.change(claimed.record, lambda now: calls.vanished(now, work.clock()))
            await work.reliance.found_over(claimed)
        except UpstreamRefused as refusal:
            log.warning("look_refused", call=call.id, code=refusal.error_code)
            await work.looks.postpone(call.id, claimed.lease, _AFTER_A_REFUSAL_MS)
        except StorageUnavailable:
            raise
        except (Retryable, UpstreamFailed) as error:
            usual = _TOLD_AGAIN_MS if is_news else self._wait(call)
            await work.looks.postpone(call.id, claimed.lease, _after(error, usual))
        else:
            await self._write(claimed, reading, asked_at, seen)

    async def _write(self, claimed: Claimed, reading: Reading, asked_at: int, seen: Seen) -> None:
        work, call = self._work, claimed.record.call
        is_shown = seen in (Seen.MOVED, Seen.UNREAD)
        usual = round(PRESENCE_EVERY * work.factor) if is_shown else self._wait(call)
        wait = await work.reliance.wait(claimed, reading, usual)
        look = Look(claimed.lease, wait)
        written = await work.store.change(
            claimed.record,
            lambda now: calls.observed(now, reading, asked_at, work.clock()),
            look=look,
        )
        if written.record.call.is_over:
            self._crowds.left(call)
            await work.reliance.found_over(claimed)
        if not written.applied:
            await work.looks.postpone(call.id, claimed.lease, look.wait)

    def _wait(self, call: Call) -> int:
        work = self._work
        age = work.clock() - (call.placed_at or call.accepted_at)
        scaled_age = round(age / work.factor)
        share = work.upstream(call).share_left()
        return round(next_look(scaled_age, share) * work.factor)
