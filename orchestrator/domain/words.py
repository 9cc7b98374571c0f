"""The states and outcomes of a call, a paragraph each where one is needed.

    queued ──▶ placing ──▶ ringing ──▶ connected ──▶ ended
       │          │  ▲         ▲            ▲           ▲
       │          ▼  │(late)   │            │           │
       │      unconfirmed ─────┴────────────┴───────────┤
       └────────────────────────────────────────────────┘

A call only ever moves to the right; `ended` is final.
"""

from enum import StrEnum


class State(StrEnum):
    """How far a call has come."""

    QUEUED = "queued"
    """Written down; RingCentral has not been asked, and will not be after `expiresIn` seconds."""
    PLACING = "placing"
    """A worker holds the right to ask RingCentral; from here on nobody else will."""
    UNCONFIRMED = "unconfirmed"
    """RingCentral was asked and its answer is not known; phones may be ringing. It is looked for
    at RingCentral and never asked for again."""
    RINGING = "ringing"
    """RingCentral has the call; at least one leg is not answered yet."""
    CONNECTED = "connected"
    """Both legs are answered."""
    ENDED = "ended"
    """Over, with an outcome."""


STEPS = {state: step for step, state in enumerate(State)}
"""The order of the states: no change leads to a smaller step."""


class Outcome(StrEnum):
    """How a call ended."""

    COMPLETED = "completed"
    """Both legs talked, and someone hung up."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    """Withdrawn by its owner: before it was placed, while it rang, or by ending its session."""
    EXPIRED = "expired"
    """Not placed in time, and so never placed."""
    BLOCKED = "blocked"
    """Not allowed at RingCentral: permission, destination, funds."""
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It may have rung and what became of it could not be found out."""


class CancelOutcome(StrEnum):
    """What came of a cancel."""

    CANCELLED = "cancelled"
    TOO_LATE = "too_late"
    """The call was connected, or already over, or went on in spite of RingCentral's yes."""
    UNKNOWN = "unknown"
