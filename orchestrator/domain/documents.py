"""A call as JSON: the one shape that REST, MCP, events and webhooks show."""

from typing import Any

from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.clock import rfc3339


def _moment(milliseconds: int | None) -> str | None:
    return rfc3339(milliseconds) if milliseconds else None


def _endpoint(endpoint: Endpoint | None) -> dict[str, str] | None:
    if endpoint is None:
        return None
    shown = {
        "phoneNumber": endpoint.phone_number,
        "forwardingNumberId": endpoint.forwarding_number_id,
    }
    return {name: value for name, value in shown.items() if value is not None}


def document(call: Call) -> dict[str, Any]:
    """The call in RingCentral's shape first, then ours; numbers masked, times RFC 3339 UTC."""
    reason = call.reason
    cancel = call.cancel
    return {
        "id": call.id,
        "uri": call.uri,
        "status": {
            "callStatus": call.status.call,
            "callerStatus": call.status.caller,
            "calleeStatus": call.status.callee,
        },
        "ringoutId": call.ringout_id,
        "state": call.state.value,
        "outcome": call.outcome.value if call.outcome else None,
        "reason": {"code": reason.code, "message": reason.message} if reason else None,
        "from": _endpoint(call.from_),
        "to": _endpoint(call.to),
        "clientReference": call.client_reference,
        "sequence": call.sequence,
        "acceptedAt": _moment(call.accepted_at),
        "placedAt": _moment(call.placed_at),
        "connectedAt": _moment(call.connected_at),
        "endedAt": _moment(call.ended_at),
        "observedAt": _moment(call.observed_at),
        "cancel": {
            "requestedAt": _moment(cancel.requested_at),
            "outcome": cancel.outcome.value if cancel.outcome else None,
        }
        if cancel
        else None,
    }
