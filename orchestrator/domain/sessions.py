"""A telephony session: what RingCentral says of both legs, whoever looks and as long as it is kept.

Unlike a ring-out's status it is readable after the call's end and says why each leg ended. The
words are open: one that is on no list decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.words import Outcome

INITIATOR = "initiator"
"""RingCentral's word for the party that is rung first."""
TARGET = "target"

_RINGOUT = "ringout"
_OVER = frozenset({"disconnected", "gone"})
_ANSWERED = frozenset({"answered", "hold", "parked", "voicemail"})
_TALKED = "callfinished"

_FAILED_WITH = {
    "targetbusy": Outcome.BUSY,
    "noanswer": Outcome.NO_ANSWER,
    "timeout": Outcome.NO_ANSWER,
    "rejected": Outcome.REJECTED,
    "cancelled": Outcome.REJECTED,
    "internationaldisabled": Outcome.BLOCKED,
    "destinationblocked": Outcome.BLOCKED,
    "notenoughfunds": Outcome.BLOCKED,
    "invalidnumber": Outcome.FAILED,
    "nosuchuser": Outcome.FAILED,
    "internalerror": Outcome.FAILED,
}


@dataclass(frozen=True, slots=True)
class Party:
    """One leg: its `role` (`INITIATOR`, `TARGET` or empty), RingCentral's words, its numbers."""

    role: str
    code: str
    reason: str
    numbers: frozenset[str]

    @property
    def is_over(self) -> bool:
        """Whether this leg has ended."""
        return self.code.lower() in _OVER

    @property
    def is_answered(self) -> bool:
        """Whether this leg is talking, or was put on hold while it did."""
        return self.code.lower() in _ANSWERED


@dataclass(frozen=True, slots=True)
class Session:
    """One telephony session; `started_at` is milliseconds since the epoch, 0 where not told."""

    session_id: str
    origin: str
    started_at: int
    parties: Sequence[Party]

    @property
    def is_ringout(self) -> bool:
        """Whether RingCentral says that a ring-out made it."""
        return self.origin.lower() == _RINGOUT

    @property
    def numbers(self) -> frozenset[str]:
        """All the full numbers on it."""
        return frozenset(number for party in self.parties for number in party.numbers)

    @property
    def is_over(self) -> bool:
        """Whether every leg has ended."""
        return bool(self.parties) and all(party.is_over for party in self.parties)

    @property
    def is_answered(self) -> bool:
        """Whether a leg has been answered and goes on."""
        return any(party.is_answered for party in self.parties)

    def outcome(self, *, was_connected: bool) -> tuple[Outcome, str]:
        """How the call ended, and of the leg that decides it RingCentral's word; `unknown` while
        it goes on, and where its words do not tell.

        The second leg speaks first: the first one also ends because the second did.
        """
        if not self.is_over:
            return Outcome.UNKNOWN, ""
        for party in sorted(self.parties, key=lambda party: party.role != TARGET):
            outcome = _FAILED_WITH.get(party.reason.lower())
            if outcome is not None:
                return (Outcome.COMPLETED if was_connected else outcome), party.reason
        reasons = {party.reason.lower() for party in self.parties}
        both_talked = len(self.parties) > 1 and reasons == {_TALKED}
        if both_talked or (was_connected and _TALKED in reasons):
            return Outcome.COMPLETED, self.parties[0].reason
        return Outcome.UNKNOWN, ""
