"""Problems (RFC 9457): every answer that is not a success, in one shape.

A problem says what would be right and never repeats what was sent. Its `type` is a reference to
`/problems/{code}`, where the code is explained.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from orchestrator.domain import errors, phones
from orchestrator.domain.errors import FieldError
from orchestrator.domain.velocity import is_spent
from orchestrator.rest.challenges import challenge
from orchestrator.rest.problem_kinds import KINDS, MOST_BODY
from orchestrator.rest.rate_limits import rate_limits

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20

SAFE = {
    "Server": "ringout",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
}
"""What every answer carries whose kind has nothing else to say of it."""

_NOTHING: Mapping[str, str] = {}
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}|[0-9]{1,5}")


class InvalidField(BaseModel):
    """One field that was not understood."""

    field: str = Field(description="A dotted path in the body, or the name of a parameter.")
    detail: str


class Problem(BaseModel):
    """What went wrong, and what would be right."""

    type: str = Field(description="Where this kind of problem is explained; stable.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    code: str = Field(description="Stable, for programs to branch on.")
    error_code: str | None = Field(
        default=None,
        alias="errorCode",
        description="RingCentral's own code, where RingCentral has spoken.",
    )
    policy: str | None = Field(
        default=None, description="The rule of this house that refused, such as `velocity.callee`."
    )
    violated_policies: list[str] | None = Field(
        default=None,
        alias="violated-policies",
        description="The quotas that are used up, as `RateLimit-Policy` names them.",
    )
    instance: str | None = Field(default=None, description="The call that this is about.")
    errors: list[InvalidField] | None = Field(
        default=None, description="Each field that was not understood."
    )


def _field_name(path: str) -> str:
    """The path with every part hidden that is not a plain name: it is the client's text."""
    parts = (part if _PLAIN_NAME.fullmatch(part) else "?" for part in path.split(".")[:10])
    return ".".join(phones.scrubbed(part) for part in parts)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    fields: Sequence[FieldError] = (),
    headers: Mapping[str, str] = _NOTHING,
    members: Mapping[str, Any] = _NOTHING,
) -> web.Response:
    """A problem's response; `members` are further ones, such as `errorCode`."""
    content: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": KINDS[code].title,
        "status": status,
        "detail": phones.scrubbed(detail),
        "code": code,
        **members,
    }
    if fields:
        content["errors"] = [
            {"field": _field_name(one.field), "detail": one.detail} for one in fields[:MOST_ERRORS]
        ]
    return web.Response(
        status=status,
        body=json.dumps(content).encode(),
        headers={"Content-Type": MEDIA_TYPE, **SAFE, **headers},
    )


_STATUS: Mapping[type[errors.RingOutError], int] = {
    errors.MalformedRequest: 400,
    errors.Unauthenticated: 401,
    errors.InsufficientScope: 403,
    errors.RefusedByPolicy: 422,
    errors.ConfirmationRequired: 422,
    errors.ConfirmationDeclined: 422,
    errors.TooManyFailures: 429,
    errors.VelocityExceeded: 429,
    errors.CallNotFound: 404,
    errors.UpstreamGone: 404,
    errors.CallWithdrawn: 409,
    errors.WebhookNotFound: 404,
    errors.DeliveryNotFound: 404,
    errors.WebhookDisabled: 409,
    errors.TooManyWebhooks: 409,
    errors.IdempotencyKeyReused: 422,
    errors.UpstreamGated: 429,
    errors.UpstreamUnavailable: 503,
    errors.StorageUnavailable: 503,
    errors.OtherNumbersKey: 503,
    errors.IdentityUnavailable: 503,
}


def problem_of(error: errors.RingOutError, members: Mapping[str, Any] = _NOTHING) -> web.Response:
    """The problem that one of the product's own errors is to a client."""
    if isinstance(error, errors.InvalidRequest):
        return _invalid(error.errors)
    if isinstance(error, errors.UpstreamRefused):
        members = {**members, "errorCode": error.error_code}
    if isinstance(error, errors.RefusedByPolicy | errors.VelocityExceeded):
        members = {**members, "policy": error.policy}
    if isinstance(error, errors.VelocityExceeded):
        members = {
            **members,
            "violated-policies": [one.name for one in error.figures if is_spent(one)],
        }
    named, detail = None, error.detail
    if isinstance(error, errors.MalformedRequest | errors.RefusedByPolicy):
        named = error.field
    if named and isinstance(error, errors.RefusedByPolicy):
        detail = f"{named}: {detail}"
    return problem(
        _status_of(error),
        error.code,
        detail,
        fields=(FieldError(named, error.detail),) if named else (),
        headers=_headers_of(error),
        members=members,
    )


def _invalid(fields: Sequence[FieldError]) -> web.Response:
    first = fields[0]
    more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
    detail = f"{_field_name(first.field)}: {first.detail}{more}"
    return problem(422, "invalid_field", detail, fields=fields)


def _status_of(error: errors.RingOutError) -> int:
    for kind in type(error).__mro__:
        if kind in _STATUS:
            return _STATUS[kind]
    if isinstance(error, errors.UpstreamRefused):
        return error.http_status
    is_late = isinstance(error, errors.UpstreamFailed) and error.timed_out
    return 504 if is_late else 502


def _headers_of(error: errors.RingOutError) -> dict[str, str]:
    if isinstance(error, errors.Retryable):
        left = rate_limits(error.figures) if isinstance(error, errors.VelocityExceeded) else {}
        return {"Retry-After": str(max(1, math.ceil(error.retry_after))), **left}
    if isinstance(error, errors.Unauthenticated | errors.InsufficientScope):
        return challenge(error)
    status = error.http_status if isinstance(error, errors.UpstreamRefused) else 0
    return _REFUSAL_HEADERS.get(status, {})


_REFUSAL_HEADERS = {
    401: {"WWW-Authenticate": 'Bearer realm="RingCentral"'},
    429: {"Retry-After": "60"},
}


_HTTP_CODES = {
    404: ("not_found", "There is nothing at this path."),
    405: ("method_not_allowed", "This path does not take this method; Allow lists those it takes."),
    408: ("request_timeout", "The body did not arrive in time."),
    413: ("body_too_large", f"The body must not have more than {MOST_BODY} bytes."),
    415: (
        "unsupported_media_type",
        "The body must be application/json in UTF-8, without a Content-Encoding.",
    ),
    417: ("expectation_failed", "The only expectation that is met is 100-continue."),
}


def problem_of_http(error: web.HTTPException) -> web.Response:
    """The problem that one of aiohttp's own refusals is to a client."""
    code, detail = _HTTP_CODES.get(error.status, ("malformed_request", "It cannot be read."))
    if isinstance(error, web.HTTPMethodNotAllowed):
        return problem(405, code, detail, headers={"Allow": allow(error)})
    return problem(error.status if error.status in _HTTP_CODES else 400, code, detail)


def allow(error: web.HTTPMethodNotAllowed) -> str:
    """The value of `Allow` where a method was refused."""
    return ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))


def described(code: str) -> bytes | None:
    """The page of a kind of problem, as JSON; None for a code that there is not."""
    kind = KINDS.get(code)
    if kind is None:
        return None
    statuses = [
        "RingCentral's" if status == "4XX" else f"{status} {HTTPStatus(int(status)).phrase}"
        for status in kind.statuses
    ]
    content = {"code": code, "title": kind.title, "meaning": kind.meaning, "statuses": statuses}
    return json.dumps(content).encode()
