"""A call as Redis keeps it: one hash, flat for dashboards, whole for us.

`document` is the JSON that clients see, ready to send; `private` is what they don't; the other
fields say the same again, one fact each, for readers that cannot take JSON apart.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from orchestrator.domain.calls import Call, Cancel, Change, Endpoint, Reason
from orchestrator.domain.clock import from_rfc3339, rfc3339
from orchestrator.domain.documents import document
from orchestrator.domain.events import SCHEMA_VERSION
from orchestrator.domain.status import Reading
from orchestrator.domain.words import CancelOutcome, Outcome, State
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.reading import NOT_READABLE

log = structlog.get_logger(__name__)

_PRIVATE = {
    "accountId": "account_id",
    "extensionId": "extension_id",
    "expiresAt": "expires_at",
    "fence": "fence",
    "askedAt": "asked_at",
    "sessionId": "session_id",
    "refusalStatus": "refusal_status",
    "cannotReachSince": "cannot_reach_since",
    "deleteAcceptedAt": "delete_accepted_at",
    "hungUpAt": "hung_up_at",
    "vanishedAt": "vanished_at",
    "hasCallback": "has_callback",
    "credential": "credential",
    "readAt": "read_at",
    "sighting": "sighting",
    "owner": "owner",
    "hours": "hours",
}


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def as_json(value: Any) -> str:
    """Compact JSON, text as it is."""
    return _ENCODER.encode(value)


def from_json(text: str | bytes) -> Any:
    """What `as_json` wrote."""
    return json.loads(text)


def shown_json(call: Call) -> str:
    """The call as clients see it."""
    return as_json(document(call))


@dataclass(frozen=True, slots=True)
class Record:
    """A call at a revision: what a change is decided on."""

    call: Call
    revision: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A call, ready to be sent: `document` is its JSON. Times are milliseconds since the epoch."""

    id: str
    account_id: str
    extension_id: str
    sequence: int
    state: State
    observed_at: int | None
    accepted_at: int
    document: bytes
    owner: str = ""

    @classmethod
    def of(cls, call: Call, shown: str = "") -> "Snapshot":
        """The snapshot of a call at hand, whose JSON may be at hand too."""
        text = (shown or shown_json(call)).encode()
        return cls(
            call.id,
            call.account_id,
            call.extension_id,
            call.sequence,
            call.state,
            call.observed_at,
            call.accepted_at,
            text,
            call.owner,
        )


def is_whole(snapshot: Snapshot) -> bool:
    """Whether its document is JSON: one that is none would break the list that it stands in."""
    try:
        from_json(snapshot.document)
    except NOT_READABLE as error:
        log.warning("record_not_readable", call=snapshot.id, error=type(error).__name__)
        return False
    return True


def waiting_snapshot(snapshot: Snapshot, position: int, starts_at: int) -> Snapshot:
    """The snapshot of a call that waits for its turn, with its place and the time (ms) at which
    its turn may come."""
    place = {"position": position, "estimatedStart": rfc3339(starts_at)}
    shown = as_json({**from_json(snapshot.document), "queue": place})
    return replace(snapshot, document=shown.encode())


SNAPSHOT_FIELDS = (
    "document",
    "accountId",
    "extensionId",
    "sequence",
    "state",
    "observedAt",
    "acceptedAt",
    "owner",
)


def snapshot(call_id: str, values: list[bytes | None]) -> Snapshot | None:
    """The snapshot in the values of `SNAPSHOT_FIELDS`; None where there is no record, or none that
    can be read."""
    try:
        return None if values[0] is None else _snapshot(call_id, values)
    except NOT_READABLE as error:
        log.warning("record_not_readable", call=call_id, error=type(error).__name__)
        return None


async def snapshot_in(commands: Commands, call_id: str) -> Snapshot | None:
    """The call as Redis has it, ready to be sent, or None; StorageUnavailable."""
    try:
        values = await commands.execute("HMGET", keys.call(call_id), *SNAPSHOT_FIELDS)
    except WrongType:
        return None
    return snapshot(call_id, values)


def _snapshot(call_id: str, values: list[bytes | None]) -> Snapshot:
    document_, account, extension, sequence, state, observed, accepted, owner = (
        (value or b"").decode() for value in values
    )
    return Snapshot(
        call_id,
        account,
        extension,
        int(sequence),
        State(state),
        from_rfc3339(observed) if observed else None,
        from_rfc3339(accepted),
        document_.encode(),
        owner,
    )


def record_items(call: Call, shown: str, revision: int, change_id: str) -> list[str | int]:
    """The whole hash, as the flat list that HSET takes; `shown` is the call's JSON."""
    private = {name: getattr(call, attribute) for name, attribute in _PRIVATE.items()}
    cancel = call.cancel
    fields: dict[str, str | int | None] = {
        **_facts(call),
        "sequence": call.sequence,
        "observedAt": _time(call.observed_at),
        "cancelOutcome": (cancel.outcome or "pending") if cancel else None,
        "document": shown,
        "private": as_json({name: value for name, value in private.items() if value is not None}),
        "revision": revision,
        "change": change_id,
    }
    return _flat_list(fields)


def _facts(call: Call) -> dict[str, str | None]:
    """What the record and the event both say of a call, one fact each."""
    return {
        "state": call.state,
        "outcome": call.outcome,
        "reasonCode": call.reason.code if call.reason else None,
        "callStatus": call.status.call,
        "callerStatus": call.status.caller,
        "calleeStatus": call.status.callee,
        "from": _flat(call.from_),
        "to": _flat(call.to),
        "clientReference": call.client_reference,
        "accountId": call.account_id,
        "extensionId": call.extension_id,
        "ringoutId": f"rc_{call.ringout_id}" if call.ringout_id else None,
        "acceptedAt": _time(call.accepted_at),
        "placedAt": _time(call.placed_at),
        "connectedAt": _time(call.connected_at),
        "endedAt": _time(call.ended_at),
        "owner": call.owner,
    }


def _flat_list(fields: Mapping[str, str | int | None]) -> list[str | int]:
    return [
        part for name, value in fields.items() for part in (name, "" if value is None else value)
    ]


def _time(milliseconds: int | None) -> str | None:
    return rfc3339(milliseconds) if milliseconds else None


def _flat(endpoint: Endpoint | None) -> str | None:
    if endpoint is None:
        return None
    return endpoint.phone_number or f"forwarding_{endpoint.forwarding_number_id}"


def event_items(change: Change, shown: str, now: int) -> list[str | int]:
    """The change's event, as the flat list that XADD takes; empty where there is none."""
    if change.event is None:
        return []
    call = change.call
    fields: dict[str, str | int | None] = {
        "schema": SCHEMA_VERSION,
        "type": change.event,
        "call": call.id,
        "sequence": call.sequence,
        "at": rfc3339(now),
        **_facts(call),
        "callback": "1" if call.has_callback else None,
        "data": shown,
    }
    return _flat_list(fields)


def readable(call_id: str, values: Sequence[bytes]) -> Record | None:
    """The record in (document, private, revision); None, and a log line, for one that cannot be
    read: a newer version's, as long as both run."""
    try:
        return Record(call_of(values[0], values[1]), int(values[2]))
    except NOT_READABLE as error:
        log.warning("record_not_readable", call=call_id, error=type(error).__name__)
        return None


def call_of(document_json: bytes, private_json: bytes) -> Call:
    """The call that `record_items` wrote."""
    shown = json.loads(document_json)
    private = json.loads(private_json)
    ours = {attribute: private[name] for name, attribute in _PRIVATE.items() if name in private}
    status = shown["status"]
    reason = shown["reason"]
    return Call(
        id=shown["id"],
        uri=shown["uri"],
        from_=_endpoint(shown["from"]),
        to=_endpoint(shown["to"]),
        client_reference=shown["clientReference"],
        state=State(shown["state"]),
        outcome=Outcome(shown["outcome"]) if shown["outcome"] else None,
        reason=Reason(**reason) if reason else None,
        ringout_id=shown["ringoutId"],
        status=Reading(status["callStatus"], status["callerStatus"], status["calleeStatus"]),
        sequence=shown["sequence"],
        accepted_at=from_rfc3339(shown["acceptedAt"]),
        placed_at=_moment(shown["placedAt"]),
        connected_at=_moment(shown["connectedAt"]),
        ended_at=_moment(shown["endedAt"]),
        observed_at=_moment(shown["observedAt"]),
        cancel=_cancel(shown["cancel"]),
        **ours,
    )


def _moment(text: str | None) -> int | None:
    return None if text is None else from_rfc3339(text)


def _endpoint(shown: dict[str, str] | None) -> Endpoint | None:
    if shown is None:
        return None
    return Endpoint(shown.get("phoneNumber"), shown.get("forwardingNumberId"))


def _cancel(shown: dict[str, str | None] | None) -> Cancel | None:
    if shown is None:
        return None
    outcome = shown["outcome"]
    return Cancel(
        from_rfc3339(shown["requestedAt"] or ""), CancelOutcome(outcome) if outcome else None
    )
