"""What a credential is allowed and given at RingCentral: its token's scope, its extension's
features and numbers.

No I/O. All requests are about `~`, the token's own extension, and light. An answer that says less
than it might is not an error: what is not told is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from orchestrator.domain.credentials import OWN
from orchestrator.telephony import wire
from orchestrator.telephony.answers import read_object, readable, text_of

RING_OUT: Final = "RingOut"
READ_CALL_LOG: Final = "ReadCallLog"
READ_PRESENCE: Final = "ReadPresence"
CALL_CONTROL: Final = "CallControl"
WEBSOCKETS: Final = "WebSocketsSubscription"
WEBHOOKS: Final = "SubscriptionWebhook"

_INCLUDED_IN: Final = {
    READ_CALL_LOG: {"readcalllog", "editcalllog", "calllog"},
    READ_PRESENCE: {"readpresence", "editpresence", "presence"},
}
_MOST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Feature:
    """Whether an extension has a feature, and RingCentral's word for why not."""

    enabled: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension as RingCentral describes it; None: not told."""

    id: str | None
    status: str | None
    ring_out: Feature | None


def is_permitted(permission: str, scope: frozenset[str]) -> bool:
    """Whether a scope holds a permission, by itself or within a wider one; case does not matter."""
    held = {word.lower() for word in scope}
    return bool(held & _INCLUDED_IN.get(permission, {permission.lower()}))


def extension_request() -> wire.Request:
    """Asks for the extension's description."""
    return wire.Request("extension", "GET", _own_path(""), wire.LIGHT)


def phone_numbers_request() -> wire.Request:
    """Asks for the numbers that the extension may use."""
    path = _own_path(f"/phone-number?perPage={_MOST_ROWS}")
    return wire.Request("phone_numbers", "GET", path, wire.LIGHT)


def forwarding_numbers_request() -> wire.Request:
    """Asks for the extension's own phones."""
    path = _own_path(f"/forwarding-number?perPage={_MOST_ROWS}")
    return wire.Request("forwarding_numbers", "GET", path, wire.LIGHT)


def _own_path(rest: str) -> str:
    return f"{wire.extension_path(OWN, OWN, '').rstrip('/')}{rest}"


def extension_of(answer: wire.Answer) -> Extension:
    """What an answer tells of the extension; raises our own errors."""
    body = readable(answer)
    listed = body.get("serviceFeatures")
    rows = listed if isinstance(listed, list) else []
    features = [row for row in rows if isinstance(row, dict) and row.get("featureName") == RING_OUT]
    return Extension(
        id=text_of(body.get("id")),
        status=text_of(body.get("status")),
        ring_out=_feature(features[0]) if features else None,
    )


def _feature(row: Mapping[str, object]) -> Feature:
    return Feature(row.get("enabled") is True, text_of(row.get("reason")) or "")


def caller_ids_in(answer: wire.Answer) -> int:
    """How many numbers the extension may show to whom it calls; raises our own errors."""
    return sum("CallerId" in _features(row) for row in _rows(answer))


def phones_in(answer: wire.Answer) -> int:
    """How many phones of its own the extension has; raises our own errors."""
    return sum(text_of(row.get("phoneNumber")) is not None for row in _rows(answer))


def _rows(answer: wire.Answer) -> list[dict[str, object]]:
    rows = readable(answer).get("records")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _features(row: Mapping[str, object]) -> list[object]:
    features = row.get("features")
    return features if isinstance(features, list) else []


def permission_missing(answer: wire.Answer) -> str | None:
    """RingCentral's name for the permission that an answer of 403 says is missing; `` where it
    does not name it, None where nothing is said to be missing."""
    if answer.status != 403:
        return None
    errors = (read_object(answer.body) or {}).get("errors")
    for row in errors if isinstance(errors, list) else ():
        if isinstance(row, dict) and (name := text_of(row.get("permissionName"))) is not None:
            return name[: wire.LONGEST_CODE]
    return ""


def sent_at(answer: wire.Answer) -> int | None:
    """When RingCentral answered, by its clock: milliseconds since the epoch, whole seconds."""
    try:
        return round(1000 * parsedate_to_datetime(answer.headers.get("date", "")).timestamp())
    except ValueError:
        return None
