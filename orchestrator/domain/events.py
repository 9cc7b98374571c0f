"""The kinds of event: a fact in the past tense, one per change of a call."""

from enum import StrEnum

from orchestrator.domain.words import State

SCHEMA_VERSION = "1"


class EventType(StrEnum):
    """What happened to a call.

    A change within a state (a leg answered, a cancel settled) repeats that state's event with
    the next sequence: a reader that applies events in order always holds the present call.
    """

    QUEUED = "call.queued"
    PLACING = "call.placing"
    UNCONFIRMED = "call.unconfirmed"
    RINGING = "call.ringing"
    CONNECTED = "call.connected"
    ENDED = "call.ended"
    CANCEL_REQUESTED = "call.cancel_requested"


def entered(state: State) -> EventType:
    """The event that tells of a change that left the call in `state`."""
    return EventType(f"call.{state}")
