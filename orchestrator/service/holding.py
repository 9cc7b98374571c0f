"""What holds a call back that could be placed: a pause, and the hours in which it may be."""

from dataclasses import dataclass
from zlib import crc32

from orchestrator.domain.calls import Call, Reason
from orchestrator.service import hours
from orchestrator.storage.pauses import Pause, Paused

_PAUSED_S = 30


@dataclass(frozen=True, slots=True)
class Hold:
    """Why a call waits, and the seconds after which to look again."""

    reason: Reason
    seconds: float


def hold_on(call: Call, paused: Paused, now: int) -> Hold | None:
    """What holds the call back now."""
    pause = paused.of(call.owner)
    return hold_of(call, pause) if pause else outside(call, now)


def hold_of(call: Call, pause: Pause) -> Hold:
    """A pause as what holds a call back; many wait for the same, and each looks at its own time."""
    jitter = crc32(call.id.encode()) % _PAUSED_S
    return Hold(pause.why(), _PAUSED_S + jitter)


def outside(call: Call, now: int) -> Hold | None:
    """The hold of a call that may not be placed at this hour."""
    found = hours.outside(call.hours, now, call.expires_at)
    return Hold(*found) if found else None
