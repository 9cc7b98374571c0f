"""Caps on simultaneous calls, which only the call log tells of.

RingCentral documents no cap, but the call log has reasons for two: `Max Call Limit` of an account
and `Too Many Calls` of a line. A ring-out beyond one is answered 200 like any other, and is over
before a phone rings: no presence, session, active call or notification has it.
"""

from collections.abc import Callable, Sequence

from simulator.calls import RINGING, Call, Shown, Step, Timeline
from simulator.settings import Tuning

_REFUSED = Shown("CannotReach", "GenericError", "InProgress")
ACCOUNT_CAP = "max_call_limit"
EXTENSION_CAP = "too_many_calls"
_REASONS = {ACCOUNT_CAP: "Max Call Limit", EXTENSION_CAP: "Too Many Calls"}


Live = Callable[[str | None], Sequence[Call]]
"""The live calls of an extension, or of all."""


def exceeded(live: Live, account: str, extension: str, tuning: Tuning) -> str | None:
    """Which cap one call more would exceed, by the name its scenario then has."""
    cap = tuning.max_calls_per_extension
    if cap and len(live(extension)) >= cap:
        return EXTENSION_CAP
    cap = tuning.max_calls_per_account
    if cap and sum(call.account == account for call in live(None)) >= cap:
        return ACCOUNT_CAP
    return None


def refused(cap: str, tuning: Tuning) -> Timeline:
    """How a call beyond a cap goes."""
    ended = tuning.capped_after
    steps = (Step(0.0, RINGING), Step(ended, _REFUSED))
    return Timeline(steps, ended=ended, result="Call Failed", reason=_REASONS[cap])
