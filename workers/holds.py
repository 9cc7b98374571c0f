"""What holds a call back that could be placed: a pause, and the hours in which it may be.

It waits out of its lane, so that the calls behind it go on, and says why it waits. The end of a
pause starts it again; what is waited for here is the net below that.
"""

from dataclasses import dataclass
from typing import NoReturn
from zlib import crc32

from orchestrator.domain import holds
from orchestrator.domain.calls import Call, Reason
from orchestrator.service import hours
from orchestrator.storage.pauses import Pause, Paused
from orchestrator.storage.records import Record
from workers.context import Work, again_in

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


async def wait(work: Work, record: Record, hold: Hold) -> NoReturn:
    """Says why the call waits, and lets it."""
    written = await work.store.change(record, lambda call: holds.held(call, hold.reason))
    call = written.record.call
    await work.lanes.leave(call.id, call.credential)
    left = (call.expires_at - work.clock()) / 1000
    raise again_in(min(hold.seconds, left))


async def go_on(work: Work, record: Record) -> None:
    """Takes back what was said, where the call waits for nothing but its turn."""
    if record.call.reason is not None:
        await work.store.change(record, lambda call: holds.held(call, None))
