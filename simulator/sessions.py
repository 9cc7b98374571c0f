"""A call as a telephony session: its parties at a moment, and the moments at which they change.

As seen in the field (`GET …/telephony/sessions/{id}` of a ring-out): party 1 is the Initiator,
owned by the extension, and its numbers are the wrong way round; party 2, from when it is dialled,
is the Target and nobody's. Both begin `Inbound` and `Proceeding`, and both end `Disconnected`.
"""

from typing import Any, Protocol

from simulator.calls import NEVER, Call, Timeline
from simulator.clock import rfc3339

_SERVER = "10.13.22.28.TAM"
_REASONS = {
    "Finished": "CallFinished",
    "Success": "CallFinished",
    "Busy": "TargetBusy",
    "NoAnswer": "NoAnswer",
    "Rejected": "Rejected",
    "GenericError": "InternalError",
    "InternationalDisabled": "InternationalDisabled",
    "DestinationBlocked": "DestinationBlocked",
    "NotEnoughFunds": "NotEnoughFunds",
    "NoSuchUser": "NoSuchUser",
}
_WORDS_OF_FAILURE = {"NoAnsweringMachine", "GenericError"}

Body = dict[str, Any]


class _Tuning(Protocol):
    @property
    def initiator_numbers(self) -> str: ...


def moments(call: Call) -> list[float]:
    """The ages, in simulated seconds and rising, at which the parties change; 0 is the first.

    A cancel or a hang-up makes others of those to come: ask again after `Call.on_rewritten`.
    """
    line = call.timeline
    named = {0.0, line.answered, line.callee_rings, line.connected, line.ended}
    return sorted(moment for moment in named if moment < NEVER and moment <= line.ended)


def session_body(_world: object, call: Call, now: float) -> Body:
    """The session at a moment, in the shape of a telephony-session event's body.

    Its parties are those of `GET …/telephony/sessions/{id}`: `owner` and `ringOutRole` stand in
    them, and the Initiator's numbers are swapped.
    """
    age = now - call.dialled_at
    parties = [_initiator(call, age)]
    if age >= call.timeline.callee_rings:
        parties.append(_target(call, age))
    return {
        "sequence": sum(moment <= age for moment in moments(call)),
        "sessionId": call.session_id,
        "telephonySessionId": call.telephony_session_id,
        "serverId": _SERVER,
        "eventTime": rfc3339(call.dialled_wall + age),
        "parties": parties,
        "origin": {"type": "RingOut"},
    }


def session_view(call: Call, now: float, tuning: _Tuning) -> Body:
    """The answer to `GET …/telephony/sessions/{id}`."""
    parties: list[Body] = session_body(None, call, now)["parties"]
    if tuning.initiator_numbers == "straight":
        first = parties[0]
        first["from"], first["to"] = first["to"], first["from"]
    return {
        "id": call.telephony_session_id,
        "origin": {"type": "RingOut"},
        "voiceCallToken": f"VCT-{call.session_id}",
        "creationTime": rfc3339(call.dialled_wall),
        "parties": parties,
    }


def party_id(call: Call, number: int) -> str:
    """The id of a call's first or second party."""
    return f"p-{call.telephony_session_id.removeprefix('s-')}-{number}"


def _initiator(call: Call, age: float) -> Body:
    """Stays Proceeding until "1" is pressed, where it has to be: that is when leg 2 is dialled."""
    return {
        **_party(call, 1),
        "owner": {"accountId": call.account, "extensionId": call.extension},
        "ringOutRole": "Initiator",
        "from": {"phoneNumber": call.callee},
        "to": {"phoneNumber": call.caller, "extensionId": call.extension},
        "status": _status(call, age, call.timeline.callee_rings, 1),
    }


def _target(call: Call, age: float) -> Body:
    return {
        **_party(call, 2),
        "ringOutRole": "Target",
        "from": {"phoneNumber": call.caller_id or call.caller, "name": f"Agent {call.extension}"},
        "to": {"phoneNumber": call.callee},
        "status": _status(call, age, call.timeline.connected, 2),
    }


def _party(call: Call, number: int) -> Body:
    return {
        "id": party_id(call, number),
        "direction": "Inbound",
        "standAlone": False,
        "muted": False,
        "park": {},
    }


def _status(call: Call, age: float, answered: float, leg: int) -> Body:
    if age >= call.timeline.ended:
        return {"code": "Disconnected", "reason": _reason(call, call.timeline, leg), "rcc": False}
    return {"code": "Answered" if age >= answered else "Proceeding", "rcc": False}


def _reason(call: Call, line: Timeline, leg: int) -> str:
    """Why a leg ended. One that was torn down unanswered is Cancelled."""
    shown = line.shown(line.ended)
    if call.cancelled:
        return "Cancelled" if shown[leg] == "Rejected" else "CallFinished"
    if shown.call in _WORDS_OF_FAILURE and shown[leg] == "InProgress":
        return "InternalError"
    return _REASONS.get(shown[leg], "CallFinished")
