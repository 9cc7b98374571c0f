"""What the OpenAPI document says of the requests that this service makes: webhooks."""

from collections.abc import Mapping
from typing import Any

from openapi_pydantic.v3.v3_1 import (
    MediaType,
    Operation,
    Parameter,
    PathItem,
    Reference,
    RequestBody,
    Response,
    Schema,
)

from orchestrator.domain.events import EventType
from orchestrator.rest.openapi_parts import JSON, ref
from orchestrator.service.webhooks import TEST

EVENT, TRIED = "callEvent", "webhookTest"
CALLBACK_URL = "{$request.body#/callbackUrl}"
_ABOUT = (
    "The request is signed as Standard Webhooks 1.0.0 says, over the bytes of the body: "
    "verify it with one of its libraries. It may come more than once, each time with the same "
    "`webhook-id`. Answer soon, and with a short body."
)
_ANSWERS = {
    "2XX": "It has arrived. At most 64 KiB of the body are read.",
    "410": "Nothing is wanted any more: the webhook is disabled.",
    "default": "It has not arrived, and is tried again after 5 seconds, 30 seconds, 2 minutes, 10 "
    "minutes and so on, or as `Retry-After` says. Redirects are not followed.",
}
_EXAMPLE_ID = "1764000000000-0"


def webhooks() -> dict[str, PathItem | Reference]:
    """Every kind of request that a webhook gets."""
    return {EVENT: _told(), TRIED: _tried()}


def callbacks(suffix: str) -> dict[str, dict[str, PathItem | Reference]]:
    """What the `callbackUrl` of one call gets; `suffix` is that of the spelling that placed it."""
    return {EVENT: {CALLBACK_URL: _told(f"-callback{suffix}")}}


def schemas() -> dict[str, Schema]:
    """The bodies of these requests."""
    moment = {"type": "string", "format": "date-time"}
    event = {
        "type": {"$ref": "#/components/schemas/EventType", "description": "What happened."},
        "timestamp": {**moment, "description": "When it was written."},
        "data": {
            "$ref": "#/components/schemas/CallDocument",
            "description": "The call after the change; its `sequence` rises by one with each.",
        },
    }
    tried = {
        "type": {"type": "string", "const": TEST},
        "timestamp": {**moment, "description": "When it was asked for."},
        "data": {
            "type": "object",
            "required": ["webhook"],
            "properties": {"webhook": {"type": "string", "description": "The webhook's id."}},
        },
    }
    return {
        "CallEvent": _object("A change of a call.", event),
        "WebhookTest": _object("What a test of a webhook sends.", tried),
    }


def _object(about: str, properties: Mapping[str, Any]) -> Schema:
    content = {"type": "object", "description": about, "required": list(properties)}
    return Schema.model_validate({**content, "properties": properties})


def _told(suffix: str = "") -> PathItem:
    return PathItem(
        post=_operation(
            f"callevent{suffix}",
            "A call has changed",
            f"One event of {', '.join(f'`{one}`' for one in EventType)}. {_ABOUT} The first "
            "attempts about one call come in order; `data.sequence` says which is newer.",
            "CallEvent",
        )
    )


def _tried() -> PathItem:
    about = f"Sent where a test is asked for. {_ABOUT}"
    return PathItem(post=_operation("webhooktest", "A webhook is tested", about, "WebhookTest"))


def _operation(name: str, summary: str, description: str, schema: str) -> Operation:
    return Operation(
        operationId=name,
        tags=["Webhooks"],
        summary=summary,
        description=description,
        parameters=[ref("parameters", one) for one in HEADERS],
        requestBody=RequestBody(
            required=True, content={JSON: MediaType(schema=ref("schemas", schema))}
        ),
        responses={status: Response(description=text) for status, text in _ANSWERS.items()},
    )


def _header(name: str, description: str, schema: Mapping[str, Any]) -> Parameter:
    content = {
        "name": name,
        "in": "header",
        "required": True,
        "description": description,
        "schema": schema,
    }
    return Parameter.model_validate(content)


HEADERS: Mapping[str, Parameter] = {
    "WebhookEventId": _header(
        "webhook-id",
        "The event's id, the same for every attempt and for every receiver: that of the event "
        "stream, or of a test.",
        {"type": "string", "examples": [_EXAMPLE_ID]},
    ),
    "WebhookTimestamp": _header(
        "webhook-timestamp",
        "When this attempt was made, in seconds since 1970.",
        {"type": "string", "pattern": r"^\d+$", "examples": ["1764000000"]},
    ),
    "WebhookSignature": _header(
        "webhook-signature",
        "`v1,` and the base64 of an HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`; "
        "while a secret is being rotated several, with a space between.",
        {
            "type": "string",
            "pattern": r"^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$",
            "examples": ["v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="],
        },
    ),
}
