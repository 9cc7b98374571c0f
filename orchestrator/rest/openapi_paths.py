"""The operations of the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any

from openapi_pydantic.v3.v3_1 import (
    Link,
    MediaType,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
)

from orchestrator.rest import (
    listing,
    openapi_access,
    openapi_console,
    openapi_events,
    openapi_notifications,
    openapi_pause,
    openapi_remembered,
    openapi_told,
    openapi_webhooks,
)
from orchestrator.rest.openapi_parts import (
    JSON,
    file_parameter,
    owner_parameters,
    problem_code_parameter,
    problems,
    query_parameters,
    ref,
    response,
    ringout_parameter,
)
from orchestrator.rest.pages import HTML, STATIC
from orchestrator.rest.spellings import BOTH, Spelling

TAGS = {
    "Ring-out": "Place a call, read it, cancel it: RingCentral's three operations.",
    "Calls": "The calls that were placed here.",
    "Events": "What happens to calls, as it happens: server-sent events.",
    "Webhooks": "Events sent to URLs, signed, until they have arrived.",
    "Access": "Who may ask: keys, the tokens that stand for them, the console's sessions.",
    "Operations": "For probes, scrapers and people who run this service.",
    "Pages": "For people, and this document.",
}

_CALL = "CallDocument"
_BODY_EXAMPLES: Mapping[str, Any] = {
    "usual": {
        "summary": "The usual",
        "value": {
            "from": {"phoneNumber": "+16505550100"},
            "to": {"phoneNumber": "+16505550123"},
        },
    },
    "all": {
        "summary": "All fields",
        "value": {
            "from": {"phoneNumber": "+16505550100"},
            "to": {"phoneNumber": "+16505550123"},
            "callerId": {"phoneNumber": "+16505550199"},
            "playPrompt": True,
            "country": {"id": "1"},
            "clientReference": "order 4711",
            "expiresIn": 30,
            "callbackUrl": "https://example.com/hooks/call",
        },
    },
}
_READ_FAILS = (
    "call_not_found",
    "invalid_field",
    "ringcentral_refused",
    "ringcentral_rate_limited",
    "ringcentral_failed",
    "ringcentral_unavailable",
    "storage_unavailable",
)


def paths() -> dict[str, PathItem]:
    """Every path, with what may be asked of it."""
    found: dict[str, PathItem] = {}
    for spelling in BOTH:
        found[spelling.many] = PathItem(
            parameters=list(owner_parameters(spelling)), post=_create(spelling)
        )
        found[spelling.one] = PathItem(
            parameters=[*owner_parameters(spelling), ringout_parameter(spelling)],
            get=_read(spelling),
            delete=_delete(spelling),
        )
    found[listing.PATH] = PathItem(get=_list())
    more = {**openapi_console.paths(), **openapi_events.paths(), **openapi_webhooks.paths()}
    heard = {**openapi_notifications.paths(), **openapi_pause.paths()}
    kept = {**openapi_remembered.paths(), **openapi_access.paths()}
    return {**found, **more, **_operations(), **heard, **kept, **_pages()}


def _operation(name: str, tag: str, summary: str, description: str, **parts: Any) -> Operation:
    return Operation(
        operationId=name, tags=[tag], summary=summary, description=description, **parts
    )


def _alias_note(spelling: Spelling) -> str:
    return " RingCentral's own spelling of the path." if spelling.suffix else ""


def _parameters(*names: str) -> list[Parameter | Reference]:
    return [ref("parameters", name) for name in names]


_CREATE_FAILS = (
    "request_timeout",
    "call_withdrawn",
    "body_too_large",
    "unsupported_media_type",
    "invalid_field",
    "idempotency_key_reused",
    "refused_by_policy",
    "velocity_exceeded",
    "ringcentral_refused",
    "storage_unavailable",
)


_CREATED = (
    "Location",
    "ETag",
    "Preference-Applied",
    "Idempotency-Replayed",
    "Ringout-Double-Click",
    "Cache-Control",
)


def _create(spelling: Spelling) -> Operation:
    headers = [*_CREATED, "RateLimit-Policy", "RateLimit"]
    waited = (
        "With `Prefer: wait`: the call, as RingCentral has answered. With `validateOnly`: the call "
        "as it would be accepted, with what would happen; there is no such call then, and neither "
        "`Location` nor `ETag`."
    )
    accepted = "The call is written down and will be placed."
    links = _links(spelling)
    return _operation(
        f"createringoutcall{spelling.suffix}",
        "Ring-out",
        "Make RingOut Call",
        "Writes a call down, to be placed at once, and does not wait for RingCentral unless "
        "asked to with `Prefer: wait=N`: then it answers as RingCentral does, and after N seconds "
        "with the call as it is. A call is placed at most once. A second request for the same two "
        "phones within a few seconds is answered with the first call; more calls than the house's "
        "quotas allow are refused, and not counted. `validateOnly` says what would happen."
        + _alias_note(spelling),
        parameters=_parameters("Prefer", "IdempotencyKey"),
        requestBody=_wish(),
        callbacks=openapi_told.callbacks(spelling.suffix),
        responses={
            "200": response(waited, _CALL, headers),
            "202": response(accepted, _CALL, [*headers, "Retry-After"], links=links),
            **problems(*_CREATE_FAILS),
        },
    )


def _wish() -> RequestBody:
    media = MediaType(schema=ref("schemas", "RingOutRequest"), examples=dict(_BODY_EXAMPLES))
    return RequestBody(description="Who is to be connected.", required=True, content={JSON: media})


def _links(spelling: Spelling) -> dict[str, Link | Reference]:
    known: dict[str, Any] = {
        spelling.account: f"$request.path.{spelling.account}",
        spelling.extension: f"$request.path.{spelling.extension}",
        spelling.ringout: "$response.body#/id",
    }
    targets = {"read": "readringoutcallstatus", "cancel": "deleteringoutcall"}
    return {
        name: Link(
            operationId=f"{target}{spelling.suffix}",
            parameters=known,
            description=f"How to {name} the call.",
        )
        for name, target in targets.items()
    }


def _read(spelling: Spelling) -> Operation:
    headers = ["ETag", "Age", "Cache-Status", "Cache-Control", "Preference-Applied"]
    return _operation(
        f"readringoutcallstatus{spelling.suffix}",
        "Ring-out",
        "Get RingOut Call Status",
        "The call, from the cache. RingCentral is asked, once for all who ask at the same time, "
        "where the id is not known here or the request says `Cache-Control: no-cache`; where it "
        "is away, a call that is known here is answered as it was known last, and "
        "`Cache-Status` says so. With `If-None-Match` and `Prefer: wait=N` the answer is held "
        "until the call differs, or N seconds." + _alias_note(spelling),
        parameters=_parameters("Prefer", "IfNoneMatch", "CacheControl"),
        responses={
            "200": response("The call.", _CALL, headers),
            "304": response("The call is as it was.", None, headers),
            **problems(*_READ_FAILS),
        },
    )


def _delete(spelling: Spelling) -> Operation:
    headers = ["ETag", "Preference-Applied", "Cache-Control"]
    return _operation(
        f"deleteringoutcall{spelling.suffix}",
        "Ring-out",
        "Cancel RingOut Call",
        "Writes down that the call is to be cancelled. One that is not placed yet ends there and "
        "then and is never placed; with any other RingCentral is asked, and `cancel.outcome` "
        "tells what came of it. With `Prefer: wait=N` the answer is held until that is known."
        + _alias_note(spelling),
        parameters=_parameters("Prefer"),
        responses={
            "200": response(
                "With `Prefer: wait`: what came of the cancel is known.", _CALL, headers
            ),
            "202": response("The cancel is written down.", _CALL, [*headers, "Retry-After"]),
            "204": response("The call was over already."),
            **problems(*_READ_FAILS),
        },
    )


def _list() -> Operation:
    return _operation(
        "listcalls",
        "Calls",
        "List calls",
        "The calls that meet every filter, newest first. No total is promised.",
        parameters=list(query_parameters()),
        responses={
            "200": response("A page of calls.", "CallPage", ["Link", "Cache-Control"]),
            **problems("invalid_field", "storage_unavailable"),
        },
    )


def _file(description: str, schema_type: str, *kinds: str) -> Response:
    schema = Schema.model_validate({"type": schema_type})
    return Response(description=description, content={k: MediaType(schema=schema) for k in kinds})


def _status(word: str, description: str) -> Response:
    schema = Schema.model_validate(
        {"type": "object", "required": ["status"], "properties": {"status": {"const": word}}}
    )
    return Response(
        description=description,
        content={JSON: MediaType(schema=schema)},
    )


def _operations() -> dict[str, PathItem]:
    live = _status("alive", "The process lives.")
    ready = _status("ready", "Calls can be taken.")
    metrics = _file("The metrics.", "string", "text/plain", "application/openmetrics-text")
    return {
        "/livez": _get("livez", "Liveness", "Whether the process lives.", live),
        "/readyz": _get(
            "readyz",
            "Readiness",
            "Whether Redis answers and the process stays.",
            ready,
            ("not_ready",),
        ),
        "/metrics": _get("metrics", "Metrics", "For Prometheus, in its text format.", metrics),
        "/problems/{code}": _get(
            "explainproblem",
            "Kind of problem",
            "What a `code` means: a problem's `type` refers to this.",
            _kind_of_problem(),
            ("not_found",),
            parameters=[problem_code_parameter()],
        ),
    }


def _kind_of_problem() -> Response:
    names = ("code", "title", "meaning")
    properties: dict[str, Any] = {name: {"type": "string"} for name in names}
    properties["statuses"] = {"type": "array", "items": {"type": "string"}}
    schema = Schema.model_validate(
        {"type": "object", "required": list(properties), "properties": properties}
    )
    return Response(
        description="The kind of problem.",
        content={JSON: MediaType(schema=schema)},
    )


def _get(
    name: str,
    summary: str,
    description: str,
    found: Response,
    codes: Sequence[str] = (),
    **parts: Any,
) -> PathItem:
    tag = parts.pop("tag", "Operations")
    responses = {"200": found, **parts.pop("more", {}), **problems(*codes)}
    return PathItem(get=_operation(name, tag, summary, description, responses=responses, **parts))


def _page(name: str, summary: str, about: str, found: Response, **parts: Any) -> PathItem:
    found.headers = {"ETag": ref("headers", "ETag")}
    unchanged = {"304": response("It is as it was.", None, ["ETag"])}
    return _get(name, summary, about, found, tag="Pages", more=unchanged, **parts)


def _pages() -> dict[str, PathItem]:
    html, css, script = HTML.partition(";")[0], "text/css", "text/javascript"
    return {
        "/openapi.json": _page(
            "openapi", "This document", "OpenAPI 3.1.", _file("It.", "object", JSON)
        ),
        "/docs": _page(
            "docs", "Reference", "This document, for people.", _file("It.", "string", html)
        ),
        "/": _page(
            "console", "Console", "What is happening now, live.", _file("It.", "string", html)
        ),
        "/static/{file}": _page(
            "staticfile",
            "A page's file",
            "What the pages refer to.",
            _file("The file.", "string", css, script, "image/svg+xml"),
            codes=("not_found",),
            parameters=[file_parameter(list(STATIC))],
        ),
    }
