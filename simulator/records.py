"""Calls as active-calls and the call log show them.

Times of day are the machine's; durations are simulated seconds. A Detailed record's legs are
told apart by their `to` number: the first rings the caller (and, as seen in the field, carries
the callee's number as its `from`), the second the callee. A leg that was never dialled is absent.
"""

from typing import Any

from simulator.calls import Call
from simulator.clock import rfc3339

ACTION = "RingOut Web"
IN_PROGRESS = "In Progress"


def record(call: Call, now: float, base: str, *, detailed: bool, one_leg: bool) -> dict[str, Any]:
    """One record; in progress until the call has ended."""
    common = _common(call, now, base)
    path = f"{base}/restapi/v1.0/account/{call.account}/extension/{call.extension}/call-log"
    seen = min(now, call.ended_at()) - call.dialled_at
    simple = {
        "uri": f"{path}/{record_id(call)}?view={'Detailed' if detailed else 'Simple'}",
        "id": record_id(call),
        "sessionId": call.session_id,
        "from": {"phoneNumber": call.caller_id or call.caller},
        "to": {"phoneNumber": call.callee},
        **common,
        "lastModifiedTime": rfc3339(call.dialled_wall + seen),
    }
    if detailed:
        simple["legs"] = _legs(call, now, common, one_leg=one_leg)
    return simple


def record_id(call: Call) -> str:
    """The id of a call's record: not the session's."""
    return f"L{call.session_id}"


def _common(call: Call, now: float, base: str) -> dict[str, Any]:
    line = call.timeline
    ended = call.ended(now)
    account = f"{base}/restapi/v1.0/account/{call.account}"
    shown: dict[str, Any] = {
        "telephonySessionId": call.telephony_session_id,
        "extension": {
            "id": int(call.extension),
            "uri": f"{account}/extension/{call.extension}",
        },
        "type": "Voice",
        "direction": "Outbound",
        "action": ACTION,
        "internalType": "RingOut",
        "result": line.result if ended else IN_PROGRESS,
        **_times(call, now, 0.0),
    }
    if ended and line.reason is not None:
        shown["reason"] = line.reason
    return shown


def _times(call: Call, now: float, started: float) -> dict[str, Any]:
    seconds = max(0.0, min(now, call.ended_at()) - call.dialled_at - started)
    return {
        "startTime": rfc3339(call.dialled_wall + started),
        "duration": int(seconds),
        "durationMs": int(seconds * 1000),
    }


def _legs(call: Call, now: float, common: dict[str, Any], *, one_leg: bool) -> list[dict[str, Any]]:
    legs = [_leg(common, "RingOutWebToCaller", (call.callee, call.caller))]
    legs[0]["master"] = True
    line = call.timeline
    if now - call.dialled_at < line.callee_rings:
        return legs
    second = _leg(common, "RingOutWebToSubscriber", (call.caller_id or call.caller, call.callee))
    second |= _times(call, now, line.callee_rings)
    if call.ended(now) and line.result != "Call connected":
        legs[0] = {**legs[0], "result": "Call connected"}
        legs[0].pop("reason", None)
    return [second] if one_leg else [*legs, second]


def _leg(common: dict[str, Any], kind: str, numbers: tuple[str, str]) -> dict[str, Any]:
    origin, target = numbers
    return {
        **common,
        "legType": kind,
        "from": {"phoneNumber": origin},
        "to": {"phoneNumber": target},
        "transport": "PSTN",
    }
