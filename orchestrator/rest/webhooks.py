"""The routes of webhooks and their deliveries."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from orchestrator.domain.access import Scope
from orchestrator.domain.errors import DeliveryNotFound, FieldError, InvalidRequest, WebhookNotFound
from orchestrator.rest.answers import JSON
from orchestrator.rest.asker import asker_of
from orchestrator.rest.bodies import json_body
from orchestrator.rest.problems import SAFE
from orchestrator.service.models import field_errors
from orchestrator.service.webhook_models import (
    DeliveryId,
    DeliveryState,
    Redelivery,
    SecretRotation,
    WebhookChange,
    WebhookId,
    WebhookRequest,
    parsed_as,
)
from orchestrator.service.webhooks import WebhookService, shown
from orchestrator.storage.delivery_list import Page, Sought

MANY = "/v1/webhooks"
ONE = f"{MANY}/{{webhookId}}"
ROTATE = f"{ONE}/rotate-secret"
TEST = f"{ONE}/test"
REDELIVER_SINCE = f"{ONE}/redeliver"
DELIVERIES_OF = f"{ONE}/deliveries"
DELIVERIES = "/v1/deliveries"
DELIVERY = f"{DELIVERIES}/{{deliveryId}}"
REDELIVER = f"{DELIVERY}/redeliver"

_WEBHOOK_ID: TypeAdapter[str] = TypeAdapter(WebhookId)
_DELIVERY_ID: TypeAdapter[str] = TypeAdapter(DeliveryId)
Model = TypeVar("Model", bound=BaseModel)


class DeliveryQuery(BaseModel):
    """The query of a list of deliveries."""

    model_config = ConfigDict(extra="forbid")

    state: DeliveryState | None = Field(default=None, description="Only deliveries in this state.")
    limit: int = Field(default=50, ge=1, le=200, description="The most deliveries on a page.")
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Where the page begins: `next` of the page before, and its filters again.",
    )


@dataclass(frozen=True, slots=True)
class WebhookRoutes:
    """The handlers."""

    service: WebhookService

    def table(self) -> list[web.AbstractRouteDef]:
        """Every route."""
        return [
            web.post(MANY, self.create),
            web.get(MANY, self.list_all),
            web.get(ONE, self.read),
            web.patch(ONE, self.change),
            web.delete(ONE, self.delete),
            web.post(ROTATE, self.rotate),
            web.post(TEST, self.test),
            web.post(REDELIVER_SINCE, self.redeliver_since),
            web.get(DELIVERIES_OF, self.deliveries_of),
            web.get(DELIVERIES, self.deliveries),
            web.get(DELIVERY, self.delivery),
            web.post(REDELIVER, self.redeliver),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """201 with the webhook and, this once, its secret."""
        asker = asker_of(request)
        asker.require(Scope.WEBHOOKS)
        wish = parsed_as(WebhookRequest, await json_body(request))
        webhook, secret = await self.service.create(asker, wish)
        told = {"Location": f"{MANY}/{webhook.id}"}
        return _answer({**shown(asker, webhook), "secret": secret}, 201, told)

    async def list_all(self, request: web.Request) -> web.Response:
        """Every webhook of the asker's."""
        asker = asker_of(request)
        _query(request, _Nothing)
        found = await self.service.all(asker)
        return _answer({"webhooks": [shown(asker, one) for one in found]})

    async def read(self, request: web.Request) -> web.Response:
        """One webhook."""
        asker = asker_of(request)
        return _answer(shown(asker, await self.service.get(asker, _webhook_id(request))))

    async def change(self, request: web.Request) -> web.Response:
        """The webhook as it is then."""
        asker, webhook_id = asker_of(request), _webhook_id(request)
        asker.require(Scope.WEBHOOKS)
        wish = parsed_as(WebhookChange, await json_body(request))
        return _answer(shown(asker, await self.service.change(asker, webhook_id, wish)))

    async def delete(self, request: web.Request) -> web.Response:
        """204; its deliveries are gone with it."""
        await self.service.delete(asker_of(request), _webhook_id(request))
        return web.Response(status=204, headers=SAFE)

    async def rotate(self, request: web.Request) -> web.Response:
        """The webhook with its new secret."""
        asker, webhook_id = asker_of(request), _webhook_id(request)
        asker.require(Scope.WEBHOOKS)
        wish = parsed_as(SecretRotation, await _body_or_nothing(request))
        webhook, secret = await self.service.rotate(asker, webhook_id, wish)
        return _answer({**shown(asker, webhook), "secret": secret})

    async def test(self, request: web.Request) -> web.Response:
        """202 with the delivery of a `webhook.test`."""
        asker = asker_of(request)
        found = await self.service.test(asker, _webhook_id(request))
        told = {"Location": f"{DELIVERIES}/{found}"}
        return _answer(await self.service.delivery(asker, found), 202, told)

    async def redeliver_since(self, request: web.Request) -> web.Response:
        """202 with how many dead deliveries are made anew."""
        asker, webhook_id = asker_of(request), _webhook_id(request)
        asker.require(Scope.WEBHOOKS)
        wish = parsed_as(Redelivery, await json_body(request))
        count = await self.service.redeliver_since(asker, webhook_id, wish)
        return _answer({"redelivered": count}, 202)

    async def deliveries_of(self, request: web.Request) -> web.Response:
        """A page of the deliveries to one webhook."""
        return await self._page(request, _webhook_id(request))

    async def deliveries(self, request: web.Request) -> web.Response:
        """A page of all deliveries."""
        return await self._page(request, None)

    async def delivery(self, request: web.Request) -> web.Response:
        """One delivery."""
        found = await self.service.delivery(asker_of(request), _delivery_id(request))
        return _answer(found)

    async def redeliver(self, request: web.Request) -> web.Response:
        """202 with the delivery, which is attempted at once."""
        found = await self.service.redeliver(asker_of(request), _delivery_id(request))
        return _answer(found, 202)

    async def _page(self, request: web.Request, webhook_id: str | None) -> web.Response:
        query = _query(request, DeliveryQuery)
        sought = Sought(query.state, webhook_id)
        try:
            page = await self.service.page(asker_of(request), sought, query.limit, query.cursor)
        except ValueError:
            detail = "must be `next` of an earlier page, as it was given"
            raise InvalidRequest((FieldError("cursor", detail),)) from None
        body = {"deliveries": page.deliveries, "next": page.cursor}
        return _answer(body, 200, _link(request, page))


class _Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _answer(
    body: Mapping[str, Any], status: int = 200, told: Mapping[str, str] | None = None
) -> web.Response:
    headers = {**SAFE, "Content-Type": JSON, **(told or {})}
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return web.Response(status=status, body=content, headers=headers)


async def _body_or_nothing(request: web.Request) -> Any:
    return await json_body(request) if request.body_exists else {}


def _query(request: web.Request, model: type[Model]) -> Model:
    given = request.query
    twice = sorted({name for name in given if len(given.getall(name)) > 1})
    if twice:
        raise InvalidRequest(tuple(FieldError(name, "must be given once") for name in twice))
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from None


def _link(request: web.Request, page: Page) -> dict[str, str]:
    if page.cursor is None:
        return {}
    query = urlencode({**request.query, "cursor": page.cursor})
    return {"Link": f'<{request.rel_url.raw_path}?{query}>; rel="next"'}


def _webhook_id(request: web.Request) -> str:
    try:
        return _WEBHOOK_ID.validate_python(request.match_info["webhookId"])
    except ValidationError:
        raise WebhookNotFound("There is no such webhook.") from None


def _delivery_id(request: web.Request) -> str:
    try:
        return _DELIVERY_ID.validate_python(request.match_info["deliveryId"])
    except ValidationError:
        raise DeliveryNotFound("There is no such delivery.") from None
