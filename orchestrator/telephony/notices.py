"""RingCentral's notifications of telephony sessions: what is asked for, and what is sent. No I/O.

A notification's body is the same by WebSocket and by webhook. Nothing that is sent is relied on:
what cannot be read is no notice, words may be any.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.errors import UpstreamFailed, UpstreamRefused
from orchestrator.domain.notices import Notice, PartyState
from orchestrator.telephony.answers import error_of, read_object, readable, text_of
from orchestrator.telephony.records import e164
from orchestrator.telephony.wire import LIGHT, LONGEST_ID, MEDIUM, Answer, Request

SESSIONS: Final = "/restapi/v1.0/account/~/extension/~/telephony/sessions"
"""Tells of the calls of the extension that asks; needs the app's CallControl permission."""

SUBSCRIPTIONS: Final = "/restapi/v1.0/subscription"
LARGEST: Final = 65_536
"""Bytes of a notification that is read; those of RingCentral's samples have about 2,000."""

_MOST_PARTIES = 10
_LONGEST_WORD = 64
_LARGEST_SEQUENCE = 2**53
_JSON = {"Content-Type": "application/json"}


def notice_of(body: object) -> Notice | None:
    """The notice in a notification; None for anything that does not tell of a session."""
    if not isinstance(body, dict) or not isinstance(told := body.get("body"), dict):
        return None
    session_id = text_of(told.get("telephonySessionId"))
    rows = told.get("parties")
    if session_id is None or len(session_id) > LONGEST_ID or not isinstance(rows, list):
        return None
    parties = [row for row in rows[:_MOST_PARTIES] if isinstance(row, dict)]
    return Notice(
        uuid=(text_of(body.get("uuid")) or "")[:LONGEST_ID],
        session_id=session_id,
        sequence=_number(told.get("sequence")),
        origin=_word(told.get("origin"), "type"),
        at=_moment(told.get("eventTime")) or _moment(body.get("timestamp")),
        numbers=frozenset(number for row in parties for number in _numbers(row)),
        parties=tuple(_party(row) for row in parties),
        extensions=frozenset(one for row in parties if (one := text_of(row.get("extensionId")))),
    )


def notice_in(text: str | bytes) -> Notice | None:
    """The notice in a webhook's body."""
    return notice_of(_loaded(text))


def _loaded(text: str | bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _numbers(row: Mapping[str, Any]) -> list[str]:
    ends = (row.get("from"), row.get("to"))
    numbers = (e164(end.get("phoneNumber")) for end in ends if isinstance(end, dict))
    return [number for number in numbers if number is not None]


def _party(row: Mapping[str, Any]) -> PartyState:
    return PartyState(
        id=(text_of(row.get("id")) or "")[:_LONGEST_WORD],
        code=_word(row.get("status"), "code"),
        reason=_word(row.get("status"), "reason"),
        is_ours=text_of(row.get("extensionId")) is not None,
    )


def _word(holder: object, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    return (text_of(value) or "")[:_LONGEST_WORD]


def _number(value: object) -> int:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < _LARGEST_SEQUENCE else 0  # type: ignore[operator,return-value]


def _moment(value: object) -> int:
    try:
        return max(0, from_rfc3339(str(value)))
    except (ValueError, OverflowError):
        return 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """What opens one WebSocket: its address, and a token that is good once."""

    uri: str
    token: str = field(repr=False)


def ticket_request() -> Request:
    """Asks for what opens a WebSocket; RingCentral documents no rate limit group for it."""
    return Request("wstoken", "POST", "/restapi/oauth/wstoken", LIGHT)


def ticket_of(answer: Answer, *, encrypted: bool) -> Ticket:
    """The ticket in an answer; raises our own errors, UpstreamFailed where it has no address, or
    one that is not `encrypted` though it should be."""
    body = readable(answer)
    uri, token = text_of(body.get("uri")), text_of(body.get("ws_access_token"))
    allowed = ("wss://",) if encrypted else ("wss://", "ws://")
    if token is None or uri is None or not uri.lower().startswith(allowed):
        raise UpstreamFailed(f"RingCentral answered {answer.status} without a WebSocket's address.")
    return Ticket(uri, token)


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription at RingCentral; `expires_in` is seconds, `refusal` why it tells nothing of
    sessions, empty where it does."""

    id: str
    status: str
    address: str
    expires_in: float
    refusal: str

    @property
    def is_active(self) -> bool:
        """Whether RingCentral sends by it: not where it is blacklisted or suspended."""
        return self.status.lower() == "active"


def websocket_request() -> Request:
    """Asks, inside a WebSocket, for notifications by it."""
    asked = {"eventFilters": [SESSIONS], "deliveryMode": {"transportType": "WebSocket"}}
    sent = json.dumps(asked, separators=(",", ":")).encode()
    return Request("subscribe", "POST", SUBSCRIPTIONS, MEDIUM, _JSON, sent)


def webhook_request(address: str, secret: str, seconds: int) -> Request:
    """Asks for notifications to be sent to an address, with a secret in their header."""
    mode = {"transportType": "WebHook", "address": address, "verificationToken": secret}
    asked = {"eventFilters": [SESSIONS], "deliveryMode": mode, "expiresIn": seconds}
    sent = json.dumps(asked, separators=(",", ":")).encode()
    return Request("subscribe", "POST", SUBSCRIPTIONS, MEDIUM, _JSON, sent)


def list_request() -> Request:
    """Asks for all subscriptions of the extension and app, of which there are 20 at most."""
    return Request("subscriptions", "GET", SUBSCRIPTIONS, LIGHT)


def renew_request(subscription_id: str) -> Request:
    """Asks for a subscription to live as long again."""
    return Request("renew", "POST", f"{_path(subscription_id)}/renew", LIGHT)


def end_request(subscription_id: str) -> Request:
    """Asks for a subscription to be ended."""
    return Request("unsubscribe", "DELETE", _path(subscription_id), MEDIUM)


def _path(subscription_id: str) -> str:
    return f"{SUBSCRIPTIONS}/{quote(subscription_id, safe='')}"


def ended(answer: Answer) -> None:
    """Returns where a subscription is ended, or was not known any more."""
    error = error_of(answer)
    if error is not None and not (isinstance(error, UpstreamRefused) and error.http_status == 404):
        raise error


def subscription_of(answer: Answer) -> Subscription:
    """The subscription in an answer; raises our own errors, UpstreamFailed for one that cannot be
    read."""
    found = _subscription(readable(answer))
    if found is None:
        raise UpstreamFailed(f"RingCentral answered {answer.status} without a subscription.")
    return found


def subscriptions_of(answer: Answer) -> list[Subscription]:
    """All subscriptions in an answer; raises as `subscription_of` does."""
    rows = readable(answer).get("records")
    if not isinstance(rows, list):
        raise UpstreamFailed(f"RingCentral answered {answer.status} without subscriptions.")
    return [found for row in rows if (found := _subscription(row)) is not None]


def _subscription(row: object) -> Subscription | None:
    if not isinstance(row, dict) or (name := text_of(row.get("id"))) is None:
        return None
    if name in (".", "..") or len(name) > LONGEST_ID:
        return None
    life = row.get("expiresIn")
    return Subscription(
        id=name,
        status=text_of(row.get("status")) or "",
        address=_word_of(row.get("deliveryMode"), "address"),
        expires_in=float(life) if isinstance(life, int | float) else 0.0,
        refusal=_refusal(row),
    )


def _word_of(holder: object, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    return text_of(value) or ""


def _refusal(row: Mapping[str, Any]) -> str:
    """Why the filter is off that was asked for: RingCentral accepts a subscription all the same."""
    disabled = row.get("disabledFilters")
    for one in disabled if isinstance(disabled, list) else ():
        if isinstance(one, dict) and "telephony/sessions" in str(one.get("filter")):
            return _word(one, "reason") or "disabled"
    return ""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a WebSocket: its kind, the message that it answers, and RingCentral's session
    token where it gives a new one."""

    kind: str
    message_id: str = ""
    answer: Answer = field(default_factory=lambda: Answer(0))
    body: object = None
    session: tuple[str, int] | None = field(default=None, repr=False)

    @property
    def recovery(self) -> str:
        """In the first frame: whether a lost connection's subscription goes on."""
        return _word(self.body, "recoveryState").lower()

    @property
    def code(self) -> str:
        """RingCentral's code in an error, else the kind."""
        return _word(self.body, "errorCode") or self.kind

    def number(self, name: str, otherwise: int) -> int:
        """One of the limits in the first frame."""
        value = self.body.get(name) if isinstance(self.body, dict) else None
        return _number(value) or otherwise


DETAILS: Final = "ConnectionDetails"
ANSWER: Final = "ClientRequest"
NOTIFICATION: Final = "ServerNotification"
ERROR: Final = "Error"


def frame_of(text: str) -> Frame | None:
    """What a frame says; None for one that is not RingCentral's `[meta, body]`."""
    parts = _loaded(text)
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], dict):
        return None
    meta, body = parts[0], parts[1] if len(parts) > 1 else None
    return Frame(
        kind=_word(meta, "type"),
        message_id=_word(meta, "messageId"),
        answer=_answer(meta, body if meta.get("type") != NOTIFICATION else None),
        body=body,
        session=_session(meta.get("wsc")),
    )


def _session(wsc: object) -> tuple[str, int] | None:
    token = _word_of(wsc, "token")
    return (token, _number(wsc.get("sequence"))) if isinstance(wsc, dict) and token else None


def _answer(meta: Mapping[str, Any], body: object) -> Answer:
    headers = meta.get("headers")
    named = headers.items() if isinstance(headers, dict) else ()
    return Answer(
        _number(meta.get("status")),
        {str(name).lower(): str(value) for name, value in named},
        b"" if body is None else json.dumps(body).encode(),
    )


def asking(message_id: str, request: Request) -> str:
    """A request as a frame; its body is JSON."""
    meta = {
        "type": ANSWER,
        "messageId": message_id,
        "method": request.method,
        "path": request.path,
    }
    body = None if request.body is None else read_object(request.body)
    return json.dumps([meta] if body is None else [meta, body])
