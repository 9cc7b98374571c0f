"""An extension's presence, as far as it tells of its live calls: one light request for all of them.

No I/O. A row that cannot be read is left out; an answer without a list is an error, since "no such
call" is a finding and must not be made up.
"""

from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.errors import UpstreamFailed
from orchestrator.domain.evidence import Sighting
from orchestrator.telephony.answers import readable, text_of
from orchestrator.telephony.records import e164
from orchestrator.telephony.wire import LIGHT, Answer, Request, extension_path

_OVER = "nocall"
_LONGEST_WORD = 64


def presence_request(account: str, extension: str) -> Request:
    """Asks for an extension's live calls."""
    path = extension_path(account, extension, "presence")
    return Request("presence", "GET", f"{path}?detailedTelephonyState=true", LIGHT)


def sightings_of(answer: Answer) -> list[Sighting]:
    """The live calls in an answer; raises our own errors, UpstreamFailed where it has no list.

    An extension without a call has no `activeCalls`, and `NoCall` for its `telephonyStatus`.
    """
    body = readable(answer)
    rows = body.get("activeCalls")
    if rows is None and str(body.get("telephonyStatus")).lower() == _OVER:
        return []
    if not isinstance(rows, list):
        raise UpstreamFailed(f"RingCentral answered {answer.status} without a list of calls.")
    return [found for row in rows if (found := _sighting(row)) is not None]


def _sighting(row: object) -> Sighting | None:
    if not isinstance(row, dict):
        return None
    session = text_of(row.get("telephonySessionId")) or text_of(row.get("sessionId"))
    status = text_of(row.get("telephonyStatus")) or ""
    if session is None or (status.lower() == _OVER and row.get("terminationType") == "final"):
        return None
    try:
        started_at = from_rfc3339(str(row.get("startTime")))
    except ValueError:
        started_at = 0
    ends = (e164(row.get("from")), e164(row.get("to")))
    numbers = frozenset(number for number in ends if number is not None)
    return Sighting(session, status[:_LONGEST_WORD], started_at, numbers)
