"""A call as a person reads it."""

from datetime import datetime
from typing import Any

Call = dict[str, Any]

_MOMENTS = ("acceptedAt", "placedAt", "connectedAt", "endedAt")


def state_of(call: Call) -> str:
    """How far it has come: `ringing`, or `ended: busy`."""
    return f"{call['state']}: {call['outcome']}" if call["outcome"] else str(call["state"])


def details(call: Call) -> str:
    """The call over several lines."""
    status = call["status"]
    rows = [
        ("caller", f"{end_name(call['from'])}  {status['callerStatus']}"),
        ("callee", f"{end_name(call['to'])}  {status['calleeStatus']}"),
        ("reference", call["clientReference"]),
        ("ring-out", call["ringoutId"]),
        ("times", ", ".join(_moments(call))),
        ("reason", _reason(call)),
        ("cancel", _cancel(call)),
    ]
    shown = (f"  {name:<10} {value}" for name, value in rows if value)
    return "\n".join([f"{call['id']}  {state_of(call)}", *shown])


def progress(call: Call) -> str:
    """The call on one line, with the time of day of what is told."""
    status = call["status"]
    words = f"caller {status['callerStatus']}, callee {status['calleeStatus']}"
    told = [words, _cancel(call) and f"cancel {_cancel(call)}", _reason(call)]
    return (
        f"{_clock(_latest(call))}  {state_of(call):<20} {'; '.join(part for part in told if part)}"
    )


def line(call: Call) -> str:
    """The call on one line, with its id."""
    return f"{call['id']}  {end_name(call['from'])} -> {end_name(call['to'])}  {progress(call)}"


def end_name(end: dict[str, Any] | None) -> str:
    """One end of a call: its number, masked; `-` for the extension's own phone."""
    if end is None:
        return "-"
    return str(end.get("phoneNumber") or f"forwarding number {end.get('forwardingNumberId')}")


def _moments(call: Call) -> list[str]:
    return [f"{name.removesuffix('At')} {_clock(call[name])}" for name in _MOMENTS if call[name]]


def _latest(call: Call) -> str | None:
    times = [call[name] for name in (*_MOMENTS, "observedAt") if call[name]]
    return max(times, default=None)


def _clock(moment: str | None) -> str:
    return f"{datetime.fromisoformat(moment).astimezone():%H:%M:%S}" if moment else "-"


def _reason(call: Call) -> str:
    reason = call["reason"]
    return f"{reason['message']} ({reason['code']})" if reason else ""


def _cancel(call: Call) -> str:
    cancel = call["cancel"]
    return (cancel["outcome"] or "requested") if cancel else ""
