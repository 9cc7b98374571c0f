"""Telephony sessions: what RingCentral's call control says of both legs, and their end. No I/O.

Both need the app's CallControl permission; without it RingCentral answers 403.
"""

from collections.abc import Mapping
from urllib.parse import quote

from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.errors import UpstreamFailed, UpstreamGone, UpstreamRefused
from orchestrator.domain.sessions import Party, Session
from orchestrator.telephony.answers import error_of, readable, text_of
from orchestrator.telephony.records import e164
from orchestrator.telephony.wire import LIGHT, LONGEST_ID, Answer, Request

_LONGEST_WORD = 64


def session_request(account: str, session_id: str) -> Request:
    """Asks for one session; raises UpstreamGone for an id that would lead elsewhere."""
    return Request("session", "GET", _path(account, session_id), LIGHT)


def end_request(account: str, session_id: str) -> Request:
    """Asks for a session to be ended, all legs of it, at whatever point it is."""
    return Request("end_session", "DELETE", _path(account, session_id), LIGHT)


def _path(account: str, session_id: str) -> str:
    parts = []
    for name, value in (("accountId", account), ("telephonySessionId", session_id)):
        try:
            encoded = quote(value, safe="")
        except UnicodeEncodeError:
            encoded = ""
        if encoded in ("", ".", "..") or len(value) > LONGEST_ID:
            raise UpstreamGone(404, "CMN-102", f"RingCentral can have given no such {name}.")
        parts.append(encoded)
    return f"/restapi/v1.0/account/{parts[0]}/telephony/sessions/{parts[1]}"


def session_of(answer: Answer) -> Session:
    """The session in an answer; raises UpstreamGone for one not known there, UpstreamFailed where
    the answer has no id or no list of parties."""
    _or_gone(answer)
    body = readable(answer)
    session_id = text_of(body.get("id")) or text_of(body.get("telephonySessionId"))
    parties = body.get("parties")
    if session_id is None or len(session_id) > LONGEST_ID or not isinstance(parties, list):
        raise UpstreamFailed(f"RingCentral answered {answer.status} without a readable session.")
    return Session(
        session_id=session_id,
        origin=_word(body.get("origin"), "type"),
        started_at=_moment(body.get("creationTime")),
        parties=tuple(_party(row) for row in parties if isinstance(row, dict)),
    )


def accepted_end(answer: Answer) -> None:
    """Returns where the end of a session was accepted; UpstreamGone where it is not known."""
    _or_gone(answer)


def _or_gone(answer: Answer) -> None:
    error = error_of(answer)
    if isinstance(error, UpstreamRefused) and error.http_status == 404:
        raise UpstreamGone(404, error.error_code, error.detail)
    if error is not None:
        raise error


def _party(row: Mapping[object, object]) -> Party:
    ends = (row.get("from"), row.get("to"))
    numbers = (e164(end.get("phoneNumber")) for end in ends if isinstance(end, dict))
    return Party(
        role=(text_of(row.get("ringOutRole")) or "")[:_LONGEST_WORD].lower(),
        code=_word(row.get("status"), "code"),
        reason=_word(row.get("status"), "reason"),
        numbers=frozenset(number for number in numbers if number is not None),
    )


def _word(holder: object, name: str) -> str:
    value = holder.get(name) if isinstance(holder, dict) else None
    return (text_of(value) or "")[:_LONGEST_WORD]


def _moment(value: object) -> int:
    try:
        return from_rfc3339(str(value))
    except ValueError:
        return 0
