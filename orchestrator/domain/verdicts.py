"""What each source said of a call whose answer was lost, and what all of it amounts to.

A call was `placed` as soon as one source shows it. That it was *not* placed is said only where
every source that would have shown it has answered without it, late enough to know. Everything
else is `unknown`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.domain.cadence import LOG_SHARED, PRESENCE_SHARED

LONGEST_FIRST_RING = 75_000
"""How long the first phone may ring before RingCentral gives up. RingCentral documents no limit;
unanswered phones are commonly given up, or taken by a voicemail, within a minute: a choice, with a
quarter added."""

LOG_KNOWS_AFTER = 60_000
"""The call log lags 15 to 30 s behind a call's end (RingCentral's guide): twice that."""

PRESENCE_AT = (5_000 + PRESENCE_SHARED, 15_000 + PRESENCE_SHARED)
LOG_AT = LONGEST_FIRST_RING + LOG_KNOWS_AFTER + LOG_SHARED
"""Milliseconds after the request: from when on presence (once, and again) and the call log have to
have answered without the call. An answer may be as old as it is shared for."""

MOST_KEPT = 50
"""How many statements are kept of a call."""

PRESENCE_SHOWS_AT_MOST = 7
"""A list of so many calls may have been cut (RingCentral's guide to presence notifications)."""


class Source(StrEnum):
    """Who was asked."""

    RING_OUT = "ring_out"
    """Whether a session's id is the ring-out's as well."""
    SESSION = "session"
    PRESENCE = "presence"
    ACTIVE_CALLS = "active_calls"
    CALL_LOG = "call_log"


class Told(StrEnum):
    """What a statement decides."""

    PLACED = "placed"
    """RingCentral has the call, and it goes on."""
    OVER = "over"
    """RingCentral had the call, and shows how it ended."""
    AMBIGUOUS = "ambiguous"
    """Something fits that may as well be another call."""
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Statement:
    """One source, asked once, `since` milliseconds after RingCentral was asked for the call.

    `found` sessions fit the call and are not provably another's, None where there was no answer
    (`fault` says why). `doubtful` ones do not fit, and cannot be excluded.
    """

    at: int
    source: Source
    since: int
    found: int | None = None
    doubtful: int = 0
    fault: str = ""
    session_id: str = ""
    told: Told | None = None

    @property
    def is_clear_no(self) -> bool:
        """Whether the source answered, and had nothing that could be the call."""
        return self.found == 0 and self.doubtful == 0


def was_not_placed(statements: Sequence[Statement], factor: float = 1.0) -> bool:
    """Whether RingCentral has provably not placed the call; `factor` scales the waits."""
    answered = [one for one in statements if one.found is not None]
    if len(answered) >= MOST_KEPT or not all(one.is_clear_no for one in answered):
        return False
    first, second = (round(moment * factor) for moment in PRESENCE_AT)
    asked = sorted(one.since for one in answered if one.source is Source.PRESENCE)
    early = [since for since in asked if since >= first]
    is_absent = len(early) > 1 and early[-1] >= second
    logged = [one.since for one in answered if one.source is Source.CALL_LOG]
    return is_absent and any(since >= round(LOG_AT * factor) for since in logged)


_NAMES = {
    Source.RING_OUT: "the ring-out's status",
    Source.SESSION: "the telephony session",
    Source.PRESENCE: "presence",
    Source.ACTIVE_CALLS: "the active calls",
    Source.CALL_LOG: "the call log",
}


def rests_on(statements: Sequence[Statement]) -> str:
    """What was asked and said, as the rest of a sentence: `presence after 7 s and 17 s, ...`."""
    silent = [one for one in statements if one.found is not None and one.is_clear_no]
    told = [one for one in statements if one.found is not None and not one.is_clear_no]
    unanswered = {one.source: one.fault for one in statements if one.fault}
    parts = []
    if silent:
        parts.append(f"{_listed(silent)} did not show it")
    if told:
        parts.append(f"{_listed(told)} showed what may as well be another call")
    heard = {one.source for one in (*silent, *told)}
    failed = [f"{_NAMES[one]} ({code})" for one, code in unanswered.items() if one not in heard]
    if failed:
        parts.append(f"{' and '.join(failed)} could not be asked")
    return "; ".join(parts) if parts else "no source could be asked"


def _listed(statements: Sequence[Statement]) -> str:
    moments: dict[Source, list[str]] = {}
    for one in statements:
        moments.setdefault(one.source, []).append(f"{one.since / 1000:.0f} s")
    return " and ".join(
        f"{_NAMES[source]} {_and(after)} after the request" for source, after in moments.items()
    )


def _and(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
