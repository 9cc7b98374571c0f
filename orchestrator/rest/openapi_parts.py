"""The pieces of the OpenAPI document that operations are put together from."""

from collections.abc import Mapping, Sequence
from typing import Any

from openapi_pydantic.v3.v3_1 import (
    Header,
    MediaType,
    Parameter,
    Reference,
    Response,
    Schema,
)
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from orchestrator.rest.console import StatsDocument, TimelineDocument
from orchestrator.rest.listing import CallPage, ListQuery
from orchestrator.rest.problem_kinds import KINDS
from orchestrator.rest.problems import MEDIA_TYPE, Problem
from orchestrator.rest.rate_limits import RATE_LIMIT, RATE_LIMIT_POLICY
from orchestrator.rest.remembered import AuditPage
from orchestrator.rest.sessions import LoginRequest, SessionDocument
from orchestrator.rest.spellings import Spelling
from orchestrator.service import webhook_models
from orchestrator.service.forgotten import ForgetRequest, ForgottenDocument
from orchestrator.service.models import (
    CallDocument,
    IdempotencyKey,
    PathId,
    RingOutId,
    RingOutRequest,
)
from orchestrator.service.pausing import PauseDocument, PauseRequest

JSON = "application/json"

WEBHOOK_MODELS: tuple[tuple[type[BaseModel], JsonSchemaMode], ...] = (
    *((model, "validation") for model in webhook_models.ASKED),
    *((model, "serialization") for model in webhook_models.SHOWN),
)

_SECONDS = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}


def ref(kind: str, name: str) -> Reference:
    """A reference to a component."""
    return Reference.model_validate({"$ref": f"#/components/{kind}/{name}"})


def schemas() -> dict[str, Schema | Reference]:
    """The models that validate and show, as they describe themselves."""
    _, described = models_json_schema(
        [
            (RingOutRequest, "validation"),
            (CallDocument, "serialization"),
            (CallPage, "serialization"),
            (Problem, "serialization"),
            (StatsDocument, "serialization"),
            (TimelineDocument, "serialization"),
            (LoginRequest, "validation"),
            (SessionDocument, "serialization"),
            (PauseRequest, "validation"),
            (PauseDocument, "serialization"),
            (ForgetRequest, "validation"),
            (ForgottenDocument, "serialization"),
            (AuditPage, "serialization"),
            *WEBHOOK_MODELS,
        ],
        ref_template="#/components/schemas/{model}",
    )
    return {name: Schema.model_validate(one) for name, one in described["$defs"].items()}


def _header(description: str, schema: Mapping[str, Any], example: str | int) -> Header:
    return Header(
        description=description,
        schema=Schema.model_validate({**schema, "examples": [example]}),
    )


HEADERS: Mapping[str, Header] = {
    "Location": _header(
        "The call's path, in the spelling that the request used.",
        {"type": "string", "format": "uri-reference"},
        "/v1/restapi/v1-0/account/~/extension/~/ring-out/call_01",
    ),
    "Retry-After": _header("Seconds after which to ask again.", _SECONDS, 1),
    "ETag": _header(
        "Names what was answered; of a call it is weak, and new with every `sequence`.",
        {**_TEXT, "pattern": '^(W/)?"[^"]+"$'},
        'W/"call_01.7"',
    ),
    "Age": _header(
        "Whole seconds since RingCentral's last word on the call, or since it was accepted. "
        "Only on answers from the cache.",
        _SECONDS,
        2,
    ),
    "Cache-Status": _header(
        "Where the call came from (RFC 9211): `hit` is the cache, `fwd` is RingCentral. With "
        "`detail`, RingCentral was wanted and could not tell: the call is as it was known last.",
        _TEXT,
        "ringout; hit",
    ),
    "Cache-Control": _header("How the answer may be kept.", _TEXT, "private, no-cache"),
    "Preference-Applied": _header("What of `Prefer` was done.", _TEXT, "wait=10"),
    "Idempotency-Replayed": _header(
        "An earlier request has made this call: one with this key, or see `Ringout-Double-Click`. "
        "Nothing was done now.",
        {**_TEXT, "const": "true"},
        "true",
    ),
    "Ringout-Double-Click": _header(
        "A call between the same two phones was asked for a moment ago: it is answered, and no "
        "second one is made.",
        {**_TEXT, "const": "true"},
        "true",
    ),
    "RateLimit-Policy": _header(
        "Every quota that the call is held to: `q` calls in any `w` seconds.",
        {**_TEXT, "pattern": RATE_LIMIT_POLICY},
        '"callee-60";q=1;w=60, "callee-900";q=3;w=900',
    ),
    "RateLimit": _header(
        "Of each kind of quota the tightest: `r` more calls now, and one more in `t` seconds.",
        {**_TEXT, "pattern": RATE_LIMIT},
        '"callee-60";r=0;t=42',
    ),
    "Link": _header(
        "The next page, where there is one.", _TEXT, '</v1/calls?cursor=abc>; rel="next"'
    ),
    "WWW-Authenticate": _header(
        "Which credentials are taken; with the realm RingCentral, that it refused this service's.",
        _TEXT,
        'Bearer realm="ringout"',
    ),
}


def _parameter(
    name: str, where: str, description: str, schema: Mapping[str, Any], *, required: bool = False
) -> Parameter:
    content = {
        "name": name,
        "in": where,
        "description": description,
        "required": required,
        "schema": schema,
    }
    return Parameter.model_validate(content)


def _described(text: TypeAdapter[str]) -> dict[str, Any]:
    return text.json_schema()


def owner_parameters(spelling: Spelling) -> list[Parameter]:
    """Account and extension, as this spelling names them."""
    about = "RingCentral's id of the {}, or ~ for the credential's own."
    return [
        _parameter(name, "path", about.format(what), _described(TypeAdapter(PathId)), required=True)
        for name, what in ((spelling.account, "account"), (spelling.extension, "extension"))
    ]


def ringout_parameter(spelling: Spelling) -> Parameter:
    """The call's id, as this spelling names it."""
    schema = _described(TypeAdapter(RingOutId))
    return _parameter(spelling.ringout, "path", schema.pop("description"), schema, required=True)


def problem_code_parameter() -> Parameter:
    """The code of a kind of problem."""
    return _parameter(
        "code", "path", "The `code` of a problem.", {**_TEXT, "enum": list(KINDS)}, required=True
    )


def file_parameter(names: Sequence[str]) -> Parameter:
    """The name of a file that a page refers to."""
    return _parameter("file", "path", "The file.", {**_TEXT, "enum": list(names)}, required=True)


def query_parameters(model: type[BaseModel] = ListQuery) -> list[Parameter]:
    """A query, as its model describes itself."""
    described = model.model_json_schema()
    return [
        _parameter(name, "query", schema.pop("description"), _plain(schema, described))
        for name, schema in described["properties"].items()
    ]


def _plain(schema: dict[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a query parameter, which may be left out and is never null."""
    options = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    schema.pop("title", None)
    if schema.get("default", "") is None:
        del schema["default"]
    merged = {**schema, **(options[0] if options else {})}
    if "items" in merged:
        merged["items"] = _plain(dict(merged["items"]), whole)
    target = merged.pop("$ref", None)
    if target is None:
        return merged
    found = {**whole["$defs"][target.rpartition("/")[2]], **merged}
    found.pop("title", None)
    return found


PARAMETERS: Mapping[str, Parameter] = {
    "Prefer": _parameter(
        "Prefer",
        "header",
        "`wait=N` holds the answer for up to N seconds (RFC 7240); more than 60 count as 60. "
        "`respond-async` is accepted. Others are ignored.",
        {**_TEXT, "examples": ["wait=10"]},
    ),
    "IdempotencyKey": _parameter(
        "Idempotency-Key",
        "header",
        "The same key with the same request is the same call, for 24 hours. In quotes or bare.",
        {**_described(TypeAdapter(IdempotencyKey)), "examples": ['"click-4711"']},
    ),
    "LastEventID": _parameter(
        "Last-Event-ID",
        "header",
        "The id of the last event received: the stream goes on with the next. Where events after "
        "it are not kept any more, the first event is `gap`.",
        {**_TEXT, "examples": ["1764000000000-0"]},
    ),
    "IfNoneMatch": _parameter(
        "If-None-Match",
        "header",
        "ETags of the call as it is known already: 304 where it is still so. With `Prefer: "
        "wait=N`, the answer is held until it is not so any more.",
        {**_TEXT, "examples": ['W/"call_01.7"']},
    ),
    "CacheControl": _parameter(
        "Cache-Control",
        "header",
        "`no-cache` (or `max-age=0`) asks RingCentral; `max-age=N` does where the cached answer "
        "is older than N seconds.",
        {**_TEXT, "examples": ["no-cache"]},
    ),
}


def response(
    description: str, schema: str | None = None, headers: Sequence[str] = (), **more: Any
) -> Response:
    """A response with a JSON body of a component's schema (or none), and these headers."""
    parts: dict[str, Any] = {"description": description, **more}
    if schema is not None:
        parts["content"] = {JSON: MediaType(schema=ref("schemas", schema))}
    if headers:
        parts["headers"] = {name: ref("headers", name) for name in headers}
    return Response(**parts)


def problems(*codes: str) -> dict[str, Response]:
    """The responses of these kinds of problem, by status, with the kinds that any request may
    meet."""
    by_status: dict[str, list[str]] = {}
    for code in (*_ANY_REQUEST, *codes):
        for status in KINDS[code].statuses:
            by_status.setdefault(status, []).append(code)
    return {status: _problem_response(status, found) for status, found in by_status.items()}


_ANY_REQUEST = (
    "malformed_request",
    "origin_not_allowed",
    "target_too_long",
    "expectation_failed",
    "misdirected_request",
    "headers_too_large",
    "too_busy",
    "internal_error",
)
_RETRYABLE = ("429", "503")
_QUOTAS = ("RateLimit-Policy", "RateLimit")


def _problem_response(status: str, codes: Sequence[str]) -> Response:
    meanings = "\n".join(f"- `{code}`: {KINDS[code].meaning}" for code in codes)
    parts: dict[str, Any] = {
        "description": meanings,
        "content": {
            MEDIA_TYPE: MediaType(
                schema=ref("schemas", "Problem"),
                example=_example(status, codes[0]),
            )
        },
    }
    if status in _RETRYABLE:
        names = ("Retry-After", *(_QUOTAS if "velocity_exceeded" in codes else ()))
        parts["headers"] = {name: ref("headers", name) for name in names}
    if status == "4XX":
        parts["headers"] = {"WWW-Authenticate": ref("headers", "WWW-Authenticate")}
    return Response(**parts)


def _example(status: str, code: str) -> dict[str, Any]:
    shown = {
        "type": f"/problems/{code}",
        "title": KINDS[code].title,
        "status": 403 if status == "4XX" else int(status),
        "detail": KINDS[code].meaning,
        "code": code,
    }
    return {**shown, "errorCode": "CMN-401"} if code == "ringcentral_refused" else shown
