"""What RingCentral's answers amount to: facts, or our own errors. No I/O.

It depends on whether a phone could be ringing. A 4xx is a clear no; a 5xx or an unreadable 2xx
leaves it open, and so does 429 `CMN-304` ("duplicate concurrent request"), since the twin that it
speaks of may be running. Bodies are taken apart defensively: empty, HTML, only `errorCode`, only
`errors[]`, integer ids.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil, isfinite
from typing import Final

from orchestrator.domain import phones
from orchestrator.domain.budget import Limit, Penalty, Scope
from orchestrator.domain.errors import (
    RingOutError,
    UpstreamFailed,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.status import NOT_SPOKEN, Reading
from orchestrator.telephony.wire import LONGEST_CODE, LONGEST_ID, Answer

DEFAULT_PENALTY: Final = 60.0
"""Seconds to keep away after a 429 without `Retry-After`: RingCentral's default penalty."""

DUPLICATE: Final = "CMN-304"
EVERYTHING: Final = "CMN-310"
_DEFAULT_TOKEN_LIFE = 600.0
_LONGEST_WAIT = 86_400.0
_LONGEST_WORD = 64
_LONGEST_MESSAGE = 300
_UNREADABLE_WORD = "Unknown"


@dataclass(frozen=True, slots=True)
class Placed:
    """RingCentral has the call: its id, opaque, and its first reading."""

    ringout_id: str
    reading: Reading


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token, for how many seconds it is good, and what it permits: RingCentral's names
    separated by spaces, empty where it did not say."""

    token: str = field(repr=False)
    expires_in: float
    scope: str = ""


def read_object(body: bytes) -> dict[str, object] | None:
    """The JSON object in a body, or None for anything else."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def text_of(value: object) -> str | None:
    """A non-empty text that can be stored, from a JSON string or integer; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    return value if value.isascii() or _is_encodable(value) else None


def _is_encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _spoken(code: object, message: object) -> tuple[str, str] | None:
    if (known := text_of(code)) is None:
        return None
    said = text_of(message) or "RingCentral gave no message."
    return phones.scrubbed(known)[:LONGEST_CODE], phones.scrubbed(said)[:_LONGEST_MESSAGE]


def problem_of(answer: Answer) -> tuple[str, str]:
    """RingCentral's code and message (numbers masked); `HTTP-<status>` where it gave none.

    `errors[]` first: the `errorCode` above it may be a word of an older scheme.
    """
    body = read_object(answer.body) or {}
    listed = body.get("errors")
    for error in listed if isinstance(listed, list) else ():
        if isinstance(error, dict):
            spoken = _spoken(error.get("errorCode"), error.get("message") or body.get("message"))
            if spoken is not None:
                return spoken
    return (
        _spoken(body.get("errorCode"), body.get("message"))
        or _spoken(body.get("error"), body.get("error_description"))
        or (f"HTTP-{answer.status}", f"RingCentral answered {answer.status} without saying why.")
    )


def _seconds(answer: Answer, header: str) -> float | None:
    try:
        value = float(answer.headers[header])
    except (KeyError, ValueError):
        return None
    return min(value, _LONGEST_WAIT) if isfinite(value) and value >= 0 else None


def limit_of(answer: Answer) -> Limit | None:
    """What the answer's headers say of its group's limit, if they do."""
    limit = _seconds(answer, "x-rate-limit-limit")
    remaining = _seconds(answer, "x-rate-limit-remaining")
    window = _seconds(answer, "x-rate-limit-window")
    if limit is None or limit < 1 or remaining is None or not window:
        return None
    return Limit(int(limit), int(remaining), ceil(window))


def throttled(answer: Answer) -> Penalty | None:
    """How long to keep away, and from what; None where the answer does not ask for it.

    A 429 without rate headers comes from a limiter above the groups: the account's or, by its
    code, the one for everything that comes from here.
    """
    code = problem_of(answer)[0]
    if answer.status != 429 or code == DUPLICATE:
        return None
    wait = _seconds(answer, "retry-after")
    seconds = DEFAULT_PENALTY if wait is None else max(wait, 1.0)
    if code == EVERYTHING:
        return Penalty(seconds, Scope.HOUSE)
    is_grouped = any(name.startswith("x-rate-limit-") for name in answer.headers)
    return Penalty(seconds, Scope.BUCKET if is_grouped else Scope.ACCOUNT)


def error_of(answer: Answer) -> RingOutError | None:
    """Our own error for an answer that is not a 2xx; see each one's docstring for its meaning.

    408 counts as not known: gateways send it for a backend that took too long.
    """
    if 200 <= answer.status < 300:
        return None
    code, message = problem_of(answer)
    if (wait := throttled(answer)) is not None:
        return UpstreamGated("RingCentral's rate limit is spent.", wait.seconds)
    if 400 <= answer.status < 500 and answer.status not in (408, 429):
        return UpstreamRefused(answer.status, code, message)
    return UpstreamFailed(f"RingCentral answered {answer.status} ({code}).")


def readable(answer: Answer) -> dict[str, object]:
    """The body of a 2xx; raises what `error_of` says, or UpstreamFailed for an unreadable one."""
    if (error := error_of(answer)) is not None:
        raise error
    if (body := read_object(answer.body)) is None:
        raise UpstreamFailed(f"RingCentral answered {answer.status} and its body is not readable.")
    return body


def _reading(status: Mapping[object, object], missing: str) -> Reading:
    def word(name: str) -> str:
        return (text_of(status.get(name)) or missing)[:_LONGEST_WORD]

    return Reading(word("callStatus"), word("callerStatus"), word("calleeStatus"))


def placed(answer: Answer) -> Placed:
    """What the answer to a POST says; raises our own errors, UpstreamFailed where it is unclear."""
    body = readable(answer)
    ringout_id = text_of(body.get("id"))
    if ringout_id is None or len(ringout_id) > LONGEST_ID:
        raise UpstreamFailed(f"RingCentral answered {answer.status} without a readable id.")
    status = body.get("status")
    reading = _reading(status, NOT_SPOKEN.call) if isinstance(status, dict) else NOT_SPOKEN
    return Placed(ringout_id, reading)


def _or_gone(answer: Answer) -> None:
    error = error_of(answer)
    if isinstance(error, UpstreamRefused) and error.http_status == 404:
        raise UpstreamGone(404, error.error_code, error.detail)
    if error is not None:
        raise error


def reading_of(answer: Answer) -> Reading:
    """What the answer to a status GET says; raises UpstreamGone for a ring-out not known there."""
    _or_gone(answer)
    status = readable(answer).get("status")
    if not isinstance(status, dict) or not status:
        raise UpstreamFailed(f"RingCentral answered {answer.status} without a status.")
    return _reading(status, _UNREADABLE_WORD)


def accepted_cancel(answer: Answer) -> None:
    """Returns where a DELETE was accepted; raises UpstreamGone for a ring-out not known there."""
    _or_gone(answer)


def grant_of(answer: Answer) -> Grant:
    """The access token that was granted; raises UpstreamRefused for bad credentials."""
    body = readable(answer)
    token, life = text_of(body.get("access_token")), body.get("expires_in")
    if token is None or not token.isascii() or not token.isprintable():
        raise UpstreamFailed("RingCentral granted no readable token.")
    if not isinstance(life, int | float) or not isfinite(life) or life <= 0:
        life = _DEFAULT_TOKEN_LIFE
    return Grant(token, float(life), text_of(body.get("scope")) or "")
