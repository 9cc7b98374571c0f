"""One look at a live call: its own status, or its extension's presence where many are live.

A status costs one of fifty light requests a minute, presence costs one for all calls of an
extension. Presence tells that a call began to be answered, and that it is over; it does not tell
when the second leg answers, nor how a call ended. So where an extension has several live calls,
presence says which of them has moved, and only that one's status is read, besides a reading now
and then. Those that have moved are read first: the others, and presence, leave room for them.
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
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
    UpstreamUnavailable,
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

STATUS_PACE, PRESENCE_PACE, ROUTINE_PACE = 0.2, 0.16, 0.12
"""What a sixth of the window may take of its limit, so that a burst leaves no call unlooked at for
the rest of the minute: of fifty a minute, ten statuses in ten seconds. In a crowd presence leaves
at eight, and statuses of which nothing is known at six, which is less than the limit allows in the
long run: so every window has room for calls that have changed, which are read whenever the limit
allows one request more."""

RINGING = "Ringing"
"""RingCentral's word in presence, as long as the first leg has not answered."""

_SMALLEST_CROWD = 3

_HIDDEN_AFTER = 2
"""A status may show a call's end later than presence; a call that is read as live so often though
presence shows it no more is one that presence hides."""

_CROWD_WITHIN_MS = 30_000
_AFTER_A_REFUSAL_MS = 30_000
_LONGEST_WAIT_MS = 60_000
"""A closed gate is asked again after this, which sends nothing to RingCentral."""

_TOLD_AGAIN_MS = 250
"""What RingCentral or presence told of and could not be read is read as soon as that may be."""

_NO_PRESENCE_FOR_MS = 600_000


class Seen(Enum):
    """What presence shows of a call."""

    NOT = "not"
    """It was not asked."""
    UNSHOWN = "unshown"
    """Nothing, and that tells nothing: not yet, or it is hidden by others."""
    GONE = "gone"
    """Nothing more: it is over, or hidden by others."""
    MOVED = "moved"
    """Something has happened that a reading would tell."""
    ANSWERED = "answered"
    """The first leg has answered; whether the second has too, its status tells alone, which was
    not read of late."""
    UNREAD = "unread"
    """No change, and its status was not read for long."""
    UNMOVED = "unmoved"


_PACES = {
    Seen.NOT: STATUS_PACE,
    Seen.UNSHOWN: ROUTINE_PACE,
    Seen.GONE: 0.0,
    Seen.MOVED: 0.0,
    Seen.ANSWERED: STATUS_PACE,
    Seen.UNREAD: ROUTINE_PACE,
}
"""The pace at which the statuses are read, 0 for that of the limit."""


class Crowds:
    """How many live calls each credential has had a look at of late, in this process."""

    def __init__(self) -> None:
        self._seen: dict[str, OrderedDict[str, int]] = {}
        self._missed: dict[str, int] = {}

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
        self._missed.pop(call.id, None)
        seen = self._seen.get(call.credential)
        if seen is not None:
            seen.pop(call.id, None)
            if not seen:
                del self._seen[call.credential]

    def shown(self, call: Call) -> None:
        """Presence shows the call."""
        self._missed.pop(call.id, None)

    def missed(self, call: Call) -> None:
        """Presence shows the call no more, and its status says that it is live."""
        self._missed[call.id] = self._missed.get(call.id, 0) + 1

    def is_hidden(self, call: Call) -> bool:
        """Whether presence hides the call, as far as is known."""
        return self._missed.get(call.id, 0) >= _HIDDEN_AFTER


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
        elif work.reliance.is_news(claimed) or not self._is_one_of_many(call):
            await self._read(claimed)
        else:
            await self._glance(claimed)

    def _is_one_of_many(self, call: Call) -> bool:
        """Whether presence may be asked for it, and is worth while."""
        now = self._work.clock()
        is_crowded = self._crowds.is_crowded(call, now, self._looks_a_minute(call))
        is_barred = self._without_presence.get(call.credential, 0) > now
        return is_crowded and not (is_barred or call.cancel_pending or call.cannot_reach_since)

    async def _glance(self, claimed: Claimed) -> None:
        """What presence shows of it, and its status where that would tell more."""
        work, call = self._work, claimed.record.call
        try:
            shown = await self._shown(call)
        except UpstreamGated as error:
            # Nothing else may be read now either, but what is known to have changed.
            await work.looks.postpone(call.id, claimed.lease, _after(error, self._soon))
            return
        if shown is None:
            await self._read(claimed)
            return
        found = await self._found(call, shown)
        seen = self._seen(call, found)
        if seen is Seen.UNMOVED and found is not None:
            await self._note(claimed, found, round(PRESENCE_EVERY * work.factor))
            return
        # What has moved has moved until a reading has told it.
        if await self._read(claimed, seen) and seen is Seen.MOVED and found is not None:
            await self._note(claimed, found)

    def _seen(self, call: Call, found: Sighting | None) -> Seen:
        if found is None:
            is_gone = call.sighting and not self._crowds.is_hidden(call)
            return Seen.GONE if is_gone else Seen.UNSHOWN
        self._crowds.shown(call)
        if found.status != (call.sighting or RINGING):
            return Seen.MOVED
        now, factor = self._work.clock(), self._work.factor
        age = round((now - (call.placed_at or call.accepted_at)) / factor)
        unread = round((now - (call.read_at or 0)) / factor)
        answered = found.status != RINGING and call.connected_at is None
        if not reading_is_due(age, unread, answered=answered):
            return Seen.UNMOVED
        return Seen.ANSWERED if answered else Seen.UNREAD

    @property
    def _soon(self) -> int:
        return round(_TOLD_AGAIN_MS * min(1.0, self._work.factor))

    def _looks_a_minute(self, call: Call) -> float | None:
        try:
            looks = self._work.upstream(call).looks_a_minute()
        except UpstreamRefused:
            return None
        return None if looks is None else looks * self._work.factor

    async def _shown(self, call: Call) -> list[Sighting] | None:
        """The live calls of the call's extension; None where presence cannot be asked,
        UpstreamGated where it cannot be asked yet."""
        work = self._work
        try:
            upstream = work.upstream(call)
            return await work.glances.presence(
                call.account_id,
                call.extension_id,
                lambda: upstream.presence(call.account_id, call.extension_id, pace=PRESENCE_PACE),
                round(PRESENCE_EVERY * work.factor * 0.8),
            )
        except UpstreamRefused as refusal:
            log.info("presence_refused", credential=call.credential, code=refusal.error_code)
            self._without_presence[call.credential] = work.clock() + _NO_PRESENCE_FOR_MS
            return None
        except (UpstreamUnavailable, UpstreamFailed):
            return None

    async def _found(self, call: Call, shown: list[Sighting]) -> Sighting | None:
        work = self._work
        known = frozenset({call.session_id or "", call.ringout_id or ""})
        numbers = frozenset() if call.session_id else ends(await work.store.request(call.id) or {})
        return sighted(shown, Sought(numbers, call.asked_at or call.accepted_at), known)

    async def _note(self, claimed: Claimed, found: Sighting, wait: int | None = None) -> None:
        """What presence says now, so that the next look sees whether it has changed; with a
        `wait`, this look is over."""
        work, look = self._work, None
        if wait is not None:
            status = claimed.record.call.status
            look = Look(claimed.lease, await work.reliance.wait(claimed, status, wait))
        await work.store.change(
            claimed.record,
            lambda known: calls.sighted(known, work.clock(), found.session_id, found.status),
            look=look,
        )

    async def _read(self, claimed: Claimed, seen: Seen = Seen.NOT) -> bool:
        """The call's own status: those first of which is known that they have changed. Whether it
        was read."""
        work, call = self._work, claimed.record.call
        asked_at, is_news = work.clock(), work.reliance.is_news(claimed)
        try:
            reading = await work.upstream(call).status(
                call.account_id,
                call.extension_id,
                call.ringout_id or "",
                pace=0 if is_news else _PACES[seen],
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
            is_unsent = isinstance(error, UpstreamGated) and seen is not Seen.NOT
            usual = self._soon if is_news or is_unsent else self._wait(call)
            await work.looks.postpone(call.id, claimed.lease, _after(error, usual))
        else:
            await self._write(claimed, reading, asked_at, seen)
            return True
        return False

    async def _write(self, claimed: Claimed, reading: Reading, asked_at: int, seen: Seen) -> None:
        work, call = self._work, claimed.record.call
        is_by_itself = seen in (Seen.NOT, Seen.UNSHOWN)
        usual = self._wait(call) if is_by_itself else round(PRESENCE_EVERY * work.factor)
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
        elif seen is Seen.GONE:
            self._crowds.missed(call)
        if not written.applied:
            await work.looks.postpone(call.id, claimed.lease, look.wait)

    def _wait(self, call: Call) -> int:
        work = self._work
        age = work.clock() - (call.placed_at or call.accepted_at)
        scaled_age = round(age / work.factor)
        share = work.upstream(call).share_left()
        return round(next_look(scaled_age, share) * work.factor)
