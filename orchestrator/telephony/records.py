"""Active calls and the call log, as far as they can identify a ring-out. No I/O.

A row that cannot be read is left out; a list that cannot be read is an error, since "no such
call" is a finding and must not be made up.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from orchestrator.domain import phones
from orchestrator.domain.clock import from_rfc3339, rfc3339
from orchestrator.domain.errors import UpstreamFailed
from orchestrator.domain.evidence import CallRecord
from orchestrator.telephony.answers import readable, text_of
from orchestrator.telephony.wire import HEAVY, Answer, Request, extension_path

PER_PAGE = 250
"""The most that RingCentral gives in a detailed list."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, and whether another follows."""

    records: list[CallRecord]
    has_next: bool


def active_calls_request(account: str, extension: str, page: int) -> Request:
    """Asks for the calls that go on, or ended in the last two minutes or so."""
    query = urlencode({"view": "Detailed", "perPage": PER_PAGE, "page": page})
    path = extension_path(account, extension, "active-calls")
    return Request("active_calls", "GET", f"{path}?{query}", HEAVY)


def call_log_request(
    account: str, extension: str, since_ms: int, until_ms: int, page: int
) -> Request:
    """Asks for the ended calls that began between two moments, milliseconds since the epoch."""
    asked = {
        "view": "Detailed",
        "dateFrom": rfc3339(since_ms),
        "dateTo": rfc3339(until_ms),
        "perPage": PER_PAGE,
        "page": page,
    }
    path = extension_path(account, extension, "call-log")
    return Request("call_log", "GET", f"{path}?{urlencode(asked)}", HEAVY)


def e164(value: object) -> str | None:
    """A phone number as RingCentral writes it, with its plus or without, normalised; else None."""
    written = text_of(value)
    if written is None or written.startswith("("):
        return None
    return phones.normalised(written if written.startswith("+") else f"+{written}")


def _numbers(row: Mapping[object, object]) -> Iterator[str]:
    for end in (row.get("from"), row.get("to")):
        if isinstance(end, dict):
            for name in ("phoneNumber", "dialerPhoneNumber"):
                if (number := e164(end.get(name))) is not None:
                    yield number


def _is_ringout(row: Mapping[object, object]) -> bool:
    action, kind = row.get("action"), row.get("internalType")
    by_action = isinstance(action, str) and action.lower().startswith("ringout")
    return by_action or (isinstance(kind, str) and kind.lower() == "ringout")


def _rows(row: Mapping[object, object]) -> list[Mapping[object, object]]:
    legs = row.get("legs")
    return [
        row,
        *(leg for leg in (legs if isinstance(legs, list) else ()) if isinstance(leg, dict)),
    ]


def record_of(row: object) -> CallRecord | None:
    """One row, or None where it lacks a session or a readable time of its start."""
    if not isinstance(row, dict):
        return None
    session = text_of(row.get("telephonySessionId")) or text_of(row.get("sessionId"))
    try:
        started_at = from_rfc3339(str(row.get("startTime")))
    except ValueError:
        return None
    if session is None:
        return None
    rows = _rows(row)
    return CallRecord(
        session_id=session,
        started_at=started_at,
        numbers=frozenset(number for part in rows for number in _numbers(part)),
        is_ringout=any(_is_ringout(part) for part in rows),
        result=text_of(row.get("result")) or "",
    )


def page_of(answer: Answer) -> Page:
    """The rows of an answer; raises our own errors, UpstreamFailed where it is not a list."""
    body = readable(answer)
    rows = body.get("records")
    if not isinstance(rows, list):
        raise UpstreamFailed(f"RingCentral answered {answer.status} without a list of calls.")
    navigation = body.get("navigation")
    has_next = isinstance(navigation, dict) and bool(navigation.get("nextPage"))
    return Page([record for row in rows if (record := record_of(row)) is not None], has_next)
