"""The hours in which a call may be placed: asked when it is accepted, and again before it is.

The zones and their changes of clocks are those of this machine, or else of the tzdata package.
"""

from datetime import tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator.domain.calls import Reason
from orchestrator.domain.errors import RefusedByPolicy
from orchestrator.domain.hours import AllowedHours

POLICY = "allowed_hours"
OUTSIDE = "outside_allowed_hours"
"""The reason's code of a call that waits for its hours."""

_REFUSED = "does not come before expiresIn is over: the call could not be placed in time"


@cache
def zone_names() -> frozenset[str]:
    """The names of IANA's time zones, without the one of machines on which none was set."""
    return frozenset((files("tzdata") / "zones").read_text(encoding="utf-8").split()) - {"Factory"}


@cache
def zone(name: str) -> tzinfo | None:
    """A time zone by its IANA name; None where it is not known here."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def check(hours: str, accepted_at: int, expires_at: int) -> None:
    """RefusedByPolicy where a call with these hours ('': at any time) could never be placed."""
    if hours and _opening(hours, accepted_at, expires_at) is None:
        raise RefusedByPolicy(POLICY, _REFUSED, "allowedHours")


def outside(hours: str, now: int, expires_at: int) -> tuple[Reason, float] | None:
    """Why a call may not be placed now, and the seconds until it may or expires; else None."""
    if not hours:
        return None
    opening = _opening(hours, now, expires_at)
    if opening == now:
        return None
    wait = ((expires_at if opening is None else opening) - now) / 1000
    message = f"This call may be placed in these hours only: {hours}."
    return Reason(OUTSIDE, message), wait


def closing(text: str, now: int, until: int) -> int | None:
    """When the hours end that hold now, at the latest `until`; None for a call without hours."""
    if not text:
        return None
    hours = AllowedHours.read(text)
    local = zone(hours.zone)
    return now if local is None else hours.closing(now, until, local)


def _opening(text: str, now: int, until: int) -> int | None:
    hours = AllowedHours.read(text)
    local = zone(hours.zone)
    return None if local is None else hours.opening(now, until, local)
