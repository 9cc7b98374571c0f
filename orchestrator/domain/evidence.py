"""What RingCentral's active calls and call log say of a call whose own status is not to be had.

A record belongs to a call if both phones match, as an unordered pair (RingCentral shows the ends
of the first leg swapped), it is a ring-out, and it began when the call was asked for. Two records
that fit are two candidates, and candidates are never guessed between.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.words import Outcome

BEGINS_AT_MOST_BEFORE_MS = 2_000
BEGINS_AT_MOST_AFTER_MS = 30_000

MAY_BEGIN_BEFORE_MS = 10_000
MAY_BEGIN_AFTER_MS = 120_000
"""What began within this cannot be excluded, where something else about it does not fit."""

IN_PROGRESS = "in progress"
_TAIL = 8
"""Two numbers that end in so many same digits may be one, written in two ways."""

_RESULTS = {
    "call connected": Outcome.COMPLETED,
    "accepted": Outcome.COMPLETED,
    "busy": Outcome.BUSY,
    "no answer": Outcome.NO_ANSWER,
    "missed": Outcome.NO_ANSWER,
    "rejected": Outcome.REJECTED,
    "declined": Outcome.REJECTED,
    "hang up": Outcome.REJECTED,
    "stopped": Outcome.REJECTED,
    "blocked": Outcome.BLOCKED,
    "not allowed": Outcome.BLOCKED,
    "no calling credit": Outcome.BLOCKED,
    "international disabled": Outcome.BLOCKED,
    "international restricted": Outcome.BLOCKED,
    "restricted number": Outcome.BLOCKED,
    "suspended account": Outcome.BLOCKED,
    "account suspended": Outcome.BLOCKED,
    "ip phone offline": Outcome.FAILED,
    "wrong number": Outcome.FAILED,
    "call failed": Outcome.FAILED,
    "internal error": Outcome.FAILED,
    "carrier is not active": Outcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One row of active calls or of the call log, as far as it can identify a ring-out.

    `numbers` are all the E.164 numbers on the record and its legs; `result` is RingCentral's
    word; `started_at` is milliseconds since the epoch.
    """

    session_id: str
    started_at: int
    numbers: frozenset[str]
    is_ringout: bool
    result: str

    @property
    def is_live(self) -> bool:
        """Whether the record tells of a call that goes on: it has no result yet."""
        return self.result.lower() in ("", IN_PROGRESS)

    @property
    def outcome(self) -> Outcome:
        """How the call ended; `unknown` for a result that is not on the list."""
        return _RESULTS.get(self.result.lower(), Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One live call of an extension's presence: its session, RingCentral's word for how far it is
    (`CallConnected` as soon as the first leg has answered), its start (ms) and its numbers."""

    session_id: str
    status: str
    started_at: int
    numbers: frozenset[str]

    def as_record(self) -> CallRecord:
        """The same as a record: presence does not say whether a call is a ring-out."""
        return CallRecord(
            self.session_id,
            self.started_at,
            self.numbers,
            is_ringout=True,
            result=IN_PROGRESS,
        )


def ends(request: Mapping[str, Any]) -> frozenset[str]:
    """The full numbers of both ends in a request's body, as far as it names them."""
    sides = (request.get("from") or {}, request.get("to") or {})
    return frozenset(side["phoneNumber"] for side in sides if "phoneNumber" in side)


@dataclass(frozen=True, slots=True)
class Sought:
    """What is known of a call that is looked for: full numbers, and when it was asked for;
    `callee` is the one of the numbers that is called."""

    numbers: frozenset[str]
    asked_at: int
    session_id: str | None = None
    callee: str = ""


def _fits(record: CallRecord, sought: Sought) -> bool:
    if sought.session_id is not None:
        return record.session_id == sought.session_id
    fits = record.is_ringout and sought.numbers <= record.numbers
    return fits and _began_then(record.started_at, sought.asked_at)


def sighted(
    sightings: Sequence[Sighting], sought: Sought, known: frozenset[str]
) -> Sighting | None:
    """The sighting of a call: by one of its `known` ids, else the only one that its phones and its
    time fit; None where there is none, or no telling."""
    own = [one for one in sightings if one.session_id in known]
    if own or not sought.numbers:
        return own[0] if own else None
    fitting = {
        one.session_id: one
        for one in sightings
        if sought.numbers <= one.numbers and _began_then(one.started_at, sought.asked_at)
    }
    return next(iter(fitting.values())) if len(fitting) == 1 else None


def _began_then(started_at: int, asked_at: int) -> bool:
    return -BEGINS_AT_MOST_BEFORE_MS <= started_at - asked_at <= BEGINS_AT_MOST_AFTER_MS


def candidates(records: Sequence[CallRecord], sought: Sought) -> list[CallRecord]:
    """The records that may be the call, one a session."""
    fitting = {record.session_id: record for record in records if _fits(record, sought)}
    return list(fitting.values())


def doubtful(records: Sequence[CallRecord], sought: Sought) -> list[CallRecord]:
    """The records that do not fit the call and yet may be it, one a session: they began about
    then, or do not say when, and name the callee in some spelling, or nobody."""
    fitting = {record.session_id for record in candidates(records, sought)}
    maybe = {
        record.session_id: record
        for record in records
        if record.session_id not in fitting
        and _may_have_begun_then(record.started_at, sought.asked_at)
        and _may_call(record.numbers, sought.callee)
    }
    return list(maybe.values())


def _may_have_begun_then(started_at: int, asked_at: int) -> bool:
    return not started_at or -MAY_BEGIN_BEFORE_MS <= started_at - asked_at <= MAY_BEGIN_AFTER_MS


def _may_call(numbers: frozenset[str], callee: str) -> bool:
    return not numbers or not callee or any(one[-_TAIL:] == callee[-_TAIL:] for one in numbers)
