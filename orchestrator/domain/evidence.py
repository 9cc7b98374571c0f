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

IN_PROGRESS = "in progress"

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


def ends(request: Mapping[str, Any]) -> frozenset[str]:
    """The full numbers of both ends in a request's body, as far as it names them."""
    sides = (request.get("from") or {}, request.get("to") or {})
    return frozenset(side["phoneNumber"] for side in sides if "phoneNumber" in side)


@dataclass(frozen=True, slots=True)
class Sought:
    """What is known of a call that is looked for: full numbers, and when it was asked for."""

    numbers: frozenset[str]
    asked_at: int
    session_id: str | None = None


def _fits(record: CallRecord, sought: Sought) -> bool:
    if sought.session_id is not None:
        return record.session_id == sought.session_id
    offset = record.started_at - sought.asked_at
    return (
        record.is_ringout
        and sought.numbers <= record.numbers
        and -BEGINS_AT_MOST_BEFORE_MS <= offset <= BEGINS_AT_MOST_AFTER_MS
    )


def candidates(records: Sequence[CallRecord], sought: Sought) -> list[CallRecord]:
    """The records that may be the call, one a session."""
    fitting = {record.session_id: record for record in records if _fits(record, sought)}
    return list(fitting.values())
