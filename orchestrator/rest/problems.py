"""Problems (RFC 9457): every answer that is not a success, in one shape.

A problem says what would be right and never repeats what was sent. Its `type` is a reference to
`/problems/{code}`, where the code is explained.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from orchestrator.domain import errors, phones
from orchestrator.domain.errors import FieldError

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 20
MOST_BODY = 64 * 1024

SAFE = {
    "Server": "ringout",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
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
    instance: str | None = Field(default=None, description="The call that this is about.")
    errors: list[InvalidField] | None = Field(
        default=None, description="Each field that was not understood."
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem; `statuses` are those it may come with (`4XX`: RingCentral's own)."""

    title: str
    meaning: str
    statuses: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "malformed_request": Kind(
        "Malformed request",
        "The request could not be read: its HTTP, its JSON, or a header named in `errors`.",
        ("400",),
    ),
    "not_found": Kind("No such page", "Nothing is served at this path.", ("404",)),
    "unauthenticated": Kind(
        "Unauthenticated",
        "There are no credentials, or none that are valid. `WWW-Authenticate` says what is taken.",
        ("401",),
    ),
    "insufficient_scope": Kind(
        "Insufficient scope",
        "The credentials are valid and do not have the scope that `detail` names.",
        ("403",),
    ),
    "too_many_failures": Kind(
        "Too many failed attempts",
        "Too many attempts to authenticate from this address have failed. Ask again after "
        "`Retry-After`.",
        ("429",),
    ),
    "refused_by_policy": Kind(
        "Refused by a policy",
        "A rule of this house, named in `policy`, forbids the call. Nothing was done.",
        ("422",),
    ),
    "velocity_exceeded": Kind(
        "Too many calls",
        "As many calls as may be were accepted lately, by the rule named in `policy`. Nothing was "
        "done. `Retry-After` and `RateLimit` say when there is room again.",
        ("429",),
    ),
    "call_not_found": Kind(
        "No such call", "Neither this service nor RingCentral knows a call by this id.", ("404",)
    ),
    "webhook_not_found": Kind("No such webhook", "There is no webhook by this id.", ("404",)),
    "delivery_not_found": Kind(
        "No such delivery",
        "There is no delivery by this id, or it is not kept any more, or its webhook was deleted.",
        ("404",),
    ),
    "webhook_disabled": Kind(
        "Webhook disabled",
        "The webhook is disabled: nothing is sent to it before it is enabled.",
        ("409",),
    ),
    "too_many_webhooks": Kind(
        "Too many webhooks", "There are as many webhooks as there may be: delete one.", ("409",)
    ),
    "method_not_allowed": Kind(
        "Method not allowed", "`Allow` lists the methods that this path takes.", ("405",)
    ),
    "request_timeout": Kind("Request timed out", "The body did not arrive in time.", ("408",)),
    "call_withdrawn": Kind(
        "Call withdrawn",
        "The call ended, cancelled or expired, before RingCentral was asked: nobody was rung.",
        ("409",),
    ),
    "body_too_large": Kind(
        "Body too large", f"A body may have at most {MOST_BODY} bytes.", ("413",)
    ),
    "unsupported_media_type": Kind(
        "Unsupported media type",
        "The body must be application/json in UTF-8, without a content coding.",
        ("415",),
    ),
    "expectation_failed": Kind(
        "Expectation failed", "The only expectation that is met is 100-continue.", ("417",)
    ),
    "invalid_field": Kind(
        "Invalid field",
        "The request was read, and the fields named in `errors` are not usable. Nothing was done.",
        ("422",),
    ),
    "idempotency_key_reused": Kind(
        "Idempotency key reused",
        "The Idempotency-Key was used within 24 hours for another request. Nothing was done.",
        ("422",),
    ),
    "ringcentral_refused": Kind(
        "RingCentral refused",
        "RingCentral understood and said no; nobody is rung. The status and `errorCode` are "
        "RingCentral's.",
        ("4XX",),
    ),
    "ringcentral_gone": Kind(
        "Unknown to RingCentral", "RingCentral does not know this ring-out, or no longer.", ("404",)
    ),
    "ringcentral_rate_limited": Kind(
        "RingCentral's rate limit",
        "RingCentral must not be asked before `Retry-After` has passed. Nothing was sent.",
        ("429",),
    ),
    "ringcentral_failed": Kind(
        "RingCentral failed",
        "RingCentral was asked and gave no answer (504) or none that can be used (502).",
        ("502", "504"),
    ),
    "ringcentral_unavailable": Kind(
        "RingCentral unavailable", "RingCentral could not be reached. Nothing was sent.", ("503",)
    ),
    "storage_unavailable": Kind(
        "Storage unavailable", "Redis did not answer in time. Nothing was done.", ("503",)
    ),
    "too_many_streams": Kind(
        "Too many streams",
        "The process has as many open event streams as it may. Ask again after `Retry-After`.",
        ("503",),
    ),
    "not_ready": Kind(
        "Not ready", "Redis is away, or the process is on its way out: ask another.", ("503",)
    ),
    "internal_error": Kind(
        "Internal error", "An error of this service, not of the request; it is logged.", ("500",)
    ),
}


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
    members: Mapping[str, str] = _NOTHING,
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
}


def problem_of(error: errors.RingOutError, members: Mapping[str, str] = _NOTHING) -> web.Response:
    """The problem that one of the product's own errors is to a client."""
    if isinstance(error, errors.InvalidRequest):
        return _invalid(error.errors)
    if isinstance(error, errors.UpstreamRefused):
        members = {**members, "errorCode": error.error_code}
    if isinstance(error, errors.RefusedByPolicy | errors.VelocityExceeded):
        members = {**members, "policy": error.policy}
    named = None
    if isinstance(error, errors.MalformedRequest | errors.RefusedByPolicy):
        named = error.field
    return problem(
        _status_of(error),
        error.code,
        error.detail,
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
    known = _STATUS.get(type(error))
    if known is not None:
        return known
    if isinstance(error, errors.UpstreamRefused):
        return error.http_status
    is_late = isinstance(error, errors.UpstreamFailed) and error.timed_out
    return 504 if is_late else 502


def _headers_of(error: errors.RingOutError) -> dict[str, str]:
    if isinstance(error, errors.Retryable):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
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
