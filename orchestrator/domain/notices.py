"""What RingCentral's notifications tell of a telephony session, and which call that may be.

A notice is a hint. It may be late, doubled, out of order, forged or of somebody else's call, and
of the customer's leg there may never be one: so it decides nothing but when to look.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from orchestrator.domain.cadence import NOTICE_IS_FRESH
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.evidence import BEGINS_AT_MOST_AFTER_MS, BEGINS_AT_MOST_BEFORE_MS
from orchestrator.domain.status import Leg, Reading, leg_of
from orchestrator.domain.words import State

OVER = "over"
"""What a notice tells: a party has left."""
BOTH = "both"
"""It tells of the customer's phone as well."""

_OPEN = frozenset({Leg.TRYING, Leg.UNCLEAR})
_STEADY = frozenset({"inprogress", "success"})
_RINGOUT = "ringout"
_OVER = frozenset({"disconnected", "gone"})


@dataclass(frozen=True, slots=True)
class PartyState:
    """One party of a session, by RingCentral's words; `is_ours`: it is one of its own users."""

    id: str
    code: str
    reason: str = ""
    is_ours: bool = False

    @property
    def is_over(self) -> bool:
        """Whether this party has left."""
        return self.code.lower() in _OVER


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification of a session: the parties that changed, `at` milliseconds since the epoch
    (0: not told). `sequence` rises with each, and may skip; `numbers` are all full numbers in it,
    `extensions` the ids of the extensions."""

    uuid: str
    session_id: str
    sequence: int
    origin: str
    at: int
    numbers: frozenset[str]
    parties: tuple[PartyState, ...]
    extensions: frozenset[str]

    @property
    def is_ringout(self) -> bool:
        """Whether a ring-out made the session: a call to the caller's own phone that RingCentral
        shows beside it did not."""
        return self.origin.lower() == _RINGOUT

    @property
    def is_over(self) -> bool:
        """Whether a party has left: with two of them, the call is over."""
        return any(party.is_over for party in self.parties)

    @property
    def words(self) -> frozenset[str]:
        """What it tells, as far as that matters: `OVER`, `BOTH`."""
        tells_both = any(not party.is_ours for party in self.parties)
        told = ((OVER, self.is_over), (BOTH, tells_both))
        return frozenset(word for word, is_told in told if is_told)


@dataclass(frozen=True, slots=True)
class Suspect:
    """A call that a session may be, and the full numbers of both its ends."""

    call: Call
    numbers: frozenset[str]


def fitting(
    suspects: Iterable[Suspect], notice: Notice, credential: str, began_at: int
) -> list[Call]:
    """The calls that a session may be whose first notice is of `began_at` (ms): asked for by this
    credential, between these phones, at that time, and not known to be another session."""
    return [
        one.call
        for one in suspects
        if one.call.credential == credential
        and _may_be_any(one.call)
        and len(one.numbers) > 0
        and one.numbers <= notice.numbers
        and _began_then(began_at, one.call.asked_at)
    ]


def _may_be_any(call: Call) -> bool:
    was_asked_for = call.state not in (State.QUEUED, State.ENDED) and not call.may_be_placed
    return was_asked_for and call.session_id is None


def _began_then(began_at: int, asked_at: int | None) -> bool:
    if asked_at is None:
        return False
    return -BEGINS_AT_MOST_BEFORE_MS <= began_at - asked_at <= BEGINS_AT_MOST_AFTER_MS


def is_told_of(reading: Reading, told: int | None, words: frozenset[str]) -> bool:
    """Whether RingCentral tells of the next change of a call, where its feed works.

    Not of the customer's answer, unless it was heard to tell of both phones (`both`). `told` is how
    many milliseconds ago it told anything: what is fresh, or an end (`over`), may not show yet.
    """
    if reading.call.lower() not in _STEADY:
        return False
    if told is not None and (told < NOTICE_IS_FRESH or OVER in words):
        return False
    is_callee_next = leg_of(reading.caller) is Leg.ANSWERED and leg_of(reading.callee) in _OPEN
    return BOTH in words or not is_callee_next


def bound(call: Call, session_id: str) -> Change | None:
    """The call is known to be this session; nothing that is shown changes, and nothing was read.

    None where it is over, or known to be another one.
    """
    if call.is_over or call.may_be_placed or call.session_id is not None:
        return None
    return Change(replace(call, session_id=session_id), None)
