"""The operations of the OpenAPI document on webhooks and their deliveries."""

from collections.abc import Mapping, Sequence
from typing import Any

from openapi_pydantic.v3.v3_1 import (
    MediaType,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Response,
)
from pydantic import TypeAdapter

from orchestrator.rest import webhooks
from orchestrator.rest.openapi_parts import JSON, problems, query_parameters, ref, response
from orchestrator.service.webhook_models import DeliveryId, WebhookId

_CREATE = {
    "all": {"summary": "All events", "value": {"url": "https://example.com/hooks/calls"}},
    "some": {
        "summary": "The ends of one extension's calls",
        "value": {
            "url": "https://example.com/hooks/calls",
            "eventTypes": ["call.ended"],
            "filters": {"extensionId": "~"},
            "description": "billing",
        },
    },
}
_CHANGE = {"off": {"summary": "Disable it", "value": {"enabled": False}}}
_ROTATE = {"hour": {"summary": "An hour's overlap", "value": {"overlapSeconds": 3600}}}
_SINCE = {"since": {"summary": "All since", "value": {"since": "2026-11-24T07:00:00Z"}}}
_BODY_FAILS = ("request_timeout", "body_too_large", "unsupported_media_type", "invalid_field")
_NO_WEBHOOK = "webhook_not_found"
_NO_DELIVERY = "delivery_not_found"
_OF_ALL = " One that hears of every call needs the scope `ops` beside `webhooks`."


def paths() -> dict[str, PathItem]:
    """Every path, with what may be asked of it."""
    return {
        webhooks.MANY: PathItem(get=_list(), post=_create()),
        webhooks.ONE: PathItem(
            parameters=[_webhook_id()], get=_read(), patch=_change(), delete=_delete()
        ),
        webhooks.ROTATE: PathItem(parameters=[_webhook_id()], post=_rotate()),
        webhooks.TEST: PathItem(parameters=[_webhook_id()], post=_test()),
        webhooks.REDELIVER_SINCE: PathItem(parameters=[_webhook_id()], post=_since()),
        webhooks.DELIVERIES_OF: PathItem(
            parameters=[_webhook_id()],
            get=_deliveries("of", "Deliveries of a webhook", _NO_WEBHOOK),
        ),
        webhooks.DELIVERIES: PathItem(get=_deliveries("", "All deliveries")),
        webhooks.DELIVERY: PathItem(parameters=[_delivery_id()], get=_delivery()),
        webhooks.REDELIVER: PathItem(parameters=[_delivery_id()], post=_redeliver()),
    }


def _operation(
    name: str,
    summary: str,
    description: str,
    answers: Mapping[str, Response],
    codes: Sequence[str] = (),
    **parts: Any,
) -> Operation:
    return Operation(
        operationId=name,
        tags=["Webhooks"],
        summary=summary,
        description=description,
        responses={**answers, **problems(*codes, "storage_unavailable")},
        **parts,
    )


def _body(model: str, examples: Mapping[str, Any], *, required: bool = True) -> RequestBody:
    media = MediaType(schema=ref("schemas", model), examples=dict(examples))
    return RequestBody(required=required, content={JSON: media})


def _id(name: str, kind: TypeAdapter[str]) -> Parameter:
    schema = kind.json_schema()
    content = {
        "name": name,
        "in": "path",
        "required": True,
        "description": schema.pop("description"),
        "schema": schema,
    }
    return Parameter.model_validate(content)


def _webhook_id() -> Parameter:
    return _id("webhookId", TypeAdapter(WebhookId))


def _delivery_id() -> Parameter:
    return _id("deliveryId", TypeAdapter(DeliveryId))


def _list() -> Operation:
    answers = {"200": response("The webhooks.", "WebhookList", ["Cache-Control"])}
    about = "Every webhook, the oldest first; without their secrets."
    return _operation("listwebhooks", "List webhooks", about, answers, ("invalid_field",))


def _create() -> Operation:
    headers = ["Location", "Cache-Control"]
    return _operation(
        "createwebhook",
        "Create a webhook",
        "From now on, each event that meets the filters is sent to the URL, signed as Standard "
        "Webhooks 1.0.0 says. The secret is shown in this answer and never again.",
        {"201": response("The webhook, with its secret.", "WebhookWithSecret", headers)},
        (*_BODY_FAILS, "too_many_webhooks"),
        requestBody=_body("WebhookRequest", _CREATE),
    )


def _read() -> Operation:
    answers = {"200": response("The webhook.", "WebhookDocument", ["Cache-Control"])}
    about = "The webhook, how its deliveries have gone, and why it is disabled, if it is."
    return _operation("readwebhook", "Get a webhook", about, answers, (_NO_WEBHOOK,))


def _change() -> Operation:
    return _operation(
        "changewebhook",
        "Change a webhook",
        "What is left out stays as it is. `enabled: true` takes up a disabled webhook again: it "
        "gets the events from then on." + _OF_ALL,
        {"200": response("The webhook, as it is now.", "WebhookDocument", ["Cache-Control"])},
        (*_BODY_FAILS, _NO_WEBHOOK),
        requestBody=_body("WebhookChange", _CHANGE),
    )


def _delete() -> Operation:
    answers = {"204": response("It is gone.")}
    about = "Deletes the webhook with all its deliveries; what is under way is not tried again."
    return _operation("deletewebhook", "Delete a webhook", about, answers, (_NO_WEBHOOK,))


def _rotate() -> Operation:
    found = response("The webhook, with its new secret.", "WebhookWithSecret", ["Cache-Control"])
    return _operation(
        "rotatewebhooksecret",
        "Rotate a webhook's secret",
        "Gives it a new secret. Those before sign too, beside the new one, until the overlap ends."
        + _OF_ALL,
        {"200": found},
        (*_BODY_FAILS, _NO_WEBHOOK),
        requestBody=_body("SecretRotation", _ROTATE, required=False),
    )


def _test() -> Operation:
    headers = ["Location", "Cache-Control"]
    return _operation(
        "testwebhook",
        "Test a webhook",
        "Sends an event `webhook.test` whose `data` names the webhook." + _OF_ALL,
        {"202": response("The delivery, under way.", "DeliveryDocument", headers)},
        (_NO_WEBHOOK, "webhook_disabled", _NO_DELIVERY),
    )


def _since() -> Operation:
    found = response("How many are made anew.", "RedeliveredDocument", ["Cache-Control"])
    return _operation(
        "redeliversince",
        "Redeliver since a time",
        "Makes all dead deliveries of events since a time anew." + _OF_ALL,
        {"202": found},
        (*_BODY_FAILS, _NO_WEBHOOK, "webhook_disabled"),
        requestBody=_body("Redelivery", _SINCE),
    )


def _deliveries(suffix: str, summary: str, *codes: str) -> Operation:
    headers = ["Link", "Cache-Control"]
    return _operation(
        f"listdeliveries{suffix}",
        summary,
        "Newest events first. Deliveries that were made are kept for a day, dead ones longer.",
        {"200": response("A page of deliveries.", "DeliveryPage", headers)},
        ("invalid_field", *codes),
        parameters=list(query_parameters(webhooks.DeliveryQuery)),
    )


def _delivery() -> Operation:
    answers = {"200": response("The delivery.", "DeliveryDocument", ["Cache-Control"])}
    about = "One event on its way to one receiver."
    return _operation("readdelivery", "Get a delivery", about, answers, (_NO_DELIVERY,))


def _redeliver() -> Operation:
    return _operation(
        "redeliver",
        "Redeliver",
        "Attempts the delivery at once instead of at its planned time, or anew where it was made "
        "or given up. One that waits for an earlier event of its call goes on waiting.",
        {"202": response("The delivery, under way.", "DeliveryDocument", ["Cache-Control"])},
        (_NO_DELIVERY, "webhook_disabled"),
    )
