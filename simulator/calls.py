"""One dialled call as a timeline: what each leg shows, from when.

Nothing ticks. A call's whole future is written when it is dialled and read at whatever the
simulated clock says; a cancel rewrites what has not happened yet. `callStatus` never becomes
`Finished`: after a hang-up only the legs do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

NEVER = math.inf


class Shown(NamedTuple):
    """The three words of a reading."""

    call: str
    caller: str
    callee: str


class Step(NamedTuple):
    """From `at` on, the call shows these words."""

    at: float
    shown: Shown


RINGING = Shown("InProgress", "InProgress", "InProgress")
ANSWERED = Shown("InProgress", "Success", "InProgress")
CONNECTED = Shown("Success", "Success", "Success")
HUNG_UP = Shown("Success", "Finished", "Finished")


@dataclass(frozen=True, slots=True)
class Timeline:
    """A call's steps and the moments that matter, in seconds since it was dialled."""

    steps: tuple[Step, ...]
    answered: float = NEVER
    """Leg 1 was answered."""
    callee_rings: float = NEVER
    """Leg 2 was dialled."""
    connected: float = NEVER
    ended: float = NEVER
    result: str = "Call connected"
    """What the call log says of it."""
    reason: str | None = None

    def shown(self, age: float) -> Shown:
        """What the call shows at an age in seconds."""
        current = self.steps[0]
        for step in self.steps:
            if step.at > age:
                break
            current = step
        return current.shown

    def cut(self, age: float, shown: Shown) -> "Timeline":
        """This timeline, torn down at an age."""
        kept = tuple(step for step in self.steps if step.at <= age)
        return replace(
            self,
            steps=(*kept, Step(age, shown)),
            answered=_past(self.answered, age),
            callee_rings=_past(self.callee_rings, age),
            connected=_past(self.connected, age),
            ended=age,
            result="Stopped",
            reason="Stopped",
        )


def _past(moment: float, age: float) -> float:
    return moment if moment <= age else NEVER


@dataclass(slots=True)
class Call:
    """One row of the ledger: a call that was dialled, whatever became of the answer."""

    number: int
    ringout_id: str
    telephony_session_id: str
    session_id: str
    account: str
    extension: str
    caller: str
    callee: str
    caller_id: str | None
    scenario: str
    dialled_at: float
    """On the simulated clock."""
    dialled_wall: float
    """Seconds since the epoch, on the machine's clock."""
    received_monotonic_ns: int
    """When the request that dialled it was received, on the machine's monotonic clock."""
    timeline: Timeline
    kept: bool = True
    """Whether its status can still be read after its end, for as long as the retention."""
    fate: str = "pending"
    """What became of the answer to the request that dialled: pending, answered, error,
    truncated or lost."""
    cancelled: bool = False
    capped: bool = False
    """Whether a cap on simultaneous calls kept it from ringing; only the call log has it then."""
    on_rewritten: Callable[["Call"], None] | None = None
    """Is called when the future of the call has become another."""

    def rewrite(self, timeline: Timeline) -> None:
        """Puts another future in the place of this one's."""
        self.timeline = timeline
        if self.on_rewritten is not None:
            self.on_rewritten(self)

    def shown(self, now: float) -> Shown:
        """What the call shows now."""
        return self.timeline.shown(now - self.dialled_at)

    def words(self, now: float) -> dict[str, str]:
        """What the call shows now, as JSON."""
        shown = self.shown(now)
        return {
            "callStatus": shown.call,
            "callerStatus": shown.caller,
            "calleeStatus": shown.callee,
        }

    def state(self, now: float) -> str:
        """ringing_caller, prompting, ringing_callee, connected or ended."""
        age, line = now - self.dialled_at, self.timeline
        passed = (
            (line.ended, "ended"),
            (line.connected, "connected"),
            (line.callee_rings, "ringing_callee"),
            (line.answered, "prompting"),
        )
        return next((name for moment, name in passed if age >= moment), "ringing_caller")

    def ended_at(self) -> float:
        """When it ended or will end, on the simulated clock; infinity for never."""
        return self.dialled_at + self.timeline.ended

    def answered_at(self) -> float:
        """When leg 1 was or will be answered, on the simulated clock; infinity for never."""
        return self.dialled_at + self.timeline.answered

    def ended(self, now: float) -> bool:
        return now >= self.ended_at()

    def cancel(self, now: float, *, lenient: bool) -> bool:
        """Tears the call down where RingCentral would; says whether it did.

        Before leg 1 is answered it always does, and the call then shows CannotReach, its
        caller Rejected ("user cancelled") and its callee, never dialled, still InProgress.
        While leg 2 rings the documentation contradicts itself: strictly the call goes on;
        leniently it ends, the caller Finished and the callee Rejected.
        """
        state = self.state(now)
        if state == "ringing_caller":
            shown = Shown("CannotReach", "Rejected", "InProgress")
        elif lenient and state in {"prompting", "ringing_callee"}:
            callee = "Rejected" if state == "ringing_callee" else "InProgress"
            shown = Shown("CannotReach", "Finished", callee)
        else:
            return False
        self.cancelled = True
        self.rewrite(self.timeline.cut(now - self.dialled_at, shown))
        return True

    def end(self, now: float) -> bool:
        """Ends it at any phase, as the DELETE of its session does; says whether there was one."""
        return self.hang_up(now) or self.cancel(now, lenient=True)

    def hang_up(self, now: float) -> bool:
        """Ends a conversation, as if one of the two had; says whether there was one."""
        if self.state(now) != "connected":
            return False
        age = now - self.dialled_at
        kept = tuple(step for step in self.timeline.steps if step.at <= age)
        self.rewrite(replace(self.timeline, steps=(*kept, Step(age, HUNG_UP)), ended=age))
        return True
