"""What RingCentral's status words mean for a call.

RingCentral's own sources disagree on the list of words (the guide, the OpenAPI document and the
SDKs each have others), so every list here is open: words are compared case-insensitively, kept as
they came, and one that is not known means "not known yet" - never success, never a crash.

A call is over when a leg is over, not when `callStatus` changes: `callStatus` stays `Success`
after the hang-up and `CannotReach` has been seen in passing.
"""

from dataclasses import dataclass
from enum import Enum

from orchestrator.domain.words import Outcome


@dataclass(frozen=True, slots=True)
class Reading:
    """One observation of a ring-out, in RingCentral's words, untouched."""

    call: str
    caller: str
    callee: str


NOT_SPOKEN = Reading("InProgress", "InProgress", "InProgress")
"""What is shown before RingCentral has said anything."""


class Leg(Enum):
    """What a leg's word amounts to."""

    TRYING = "trying"
    ANSWERED = "answered"
    FINISHED = "finished"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    FAILED = "failed"
    GONE = "gone"
    UNCLEAR = "unclear"


_LEG_WORDS = {
    "inprogress": Leg.TRYING,
    "success": Leg.ANSWERED,
    "finished": Leg.FINISHED,
    "busy": Leg.BUSY,
    "noanswer": Leg.NO_ANSWER,
    "rejected": Leg.REJECTED,
    "internationaldisabled": Leg.BLOCKED,
    "destinationblocked": Leg.BLOCKED,
    "notenoughfunds": Leg.BLOCKED,
    "ringoutfromthisnumberisnotsupported": Leg.BLOCKED,
    "nosuchuser": Leg.FAILED,
    "genericerror": Leg.FAILED,
    "nosessionfound": Leg.GONE,
}

_OVER_WITH = {
    Leg.BLOCKED: Outcome.BLOCKED,
    Leg.BUSY: Outcome.BUSY,
    Leg.NO_ANSWER: Outcome.NO_ANSWER,
    Leg.REJECTED: Outcome.REJECTED,
    Leg.FAILED: Outcome.FAILED,
}

_MESSAGES = {
    Outcome.BLOCKED: "RingCentral does not allow the {leg}'s number to be called.",
    Outcome.BUSY: "The {leg}'s phone was busy.",
    Outcome.NO_ANSWER: "The {leg} did not answer.",
    Outcome.REJECTED: "The {leg} declined, or the call was hung up before the {leg} answered.",
    Outcome.FAILED: "The {leg}'s phone could not be reached.",
}


def leg_of(word: str) -> Leg:
    """The class of a leg's word; `Leg.UNCLEAR` for one that is not known."""
    return _LEG_WORDS.get(word.lower(), Leg.UNCLEAR)


def is_known(reading: Reading) -> bool:
    """Whether both legs' words are on the list (a counter of unknown words wants to know)."""
    return Leg.UNCLEAR not in (leg_of(reading.caller), leg_of(reading.callee))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a reading says of the whole call.

    Exactly one of these holds: `over_with` is set (the call is over, and how), `connected`,
    `gone` (RingCentral no longer knows it), `cannot_reach` (over only if it stays so), or none
    of them (still being set up).
    """

    over_with: Outcome | None = None
    code: str | None = None
    message: str | None = None
    connected: bool = False
    gone: bool = False
    cannot_reach: bool = False


def verdict(reading: Reading, *, was_connected: bool) -> Verdict:
    """What a reading says of a call; `was_connected` is whether both legs were answered before."""
    legs = {"caller": leg_of(reading.caller), "callee": leg_of(reading.callee)}
    kinds = set(legs.values())
    if Leg.GONE in kinds:
        return Verdict(gone=True)
    if was_connected and kinds & (_OVER_WITH.keys() | {Leg.FINISHED}):
        return Verdict(over_with=Outcome.COMPLETED)
    for kind, outcome in _OVER_WITH.items():
        for name, leg in legs.items():
            if leg is kind:
                code = f"{name}.{reading.caller if name == 'caller' else reading.callee}"
                return Verdict(outcome, code, _MESSAGES[outcome].format(leg=name))
    if Leg.FINISHED in kinds:
        return _finished(legs)
    if kinds == {Leg.ANSWERED}:
        return Verdict(connected=True)
    return Verdict(cannot_reach=reading.call.lower() == "cannotreach")


def _finished(legs: dict[str, Leg]) -> Verdict:
    if legs["callee"] in (Leg.FINISHED, Leg.ANSWERED):
        return Verdict(over_with=Outcome.COMPLETED)
    return Verdict(
        Outcome.NO_ANSWER,
        "callee.NotReached",
        "The caller hung up before the callee answered.",
    )
