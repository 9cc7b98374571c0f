"""The route of the pause switch, for who runs the house."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.errors import FieldError, InvalidRequest
from orchestrator.rest.answers import json_answer
from orchestrator.rest.asker import asker_of
from orchestrator.rest.bodies import json_body
from orchestrator.service.models import field_errors
from orchestrator.service.pausing import PauseQuery, PauseRequest, Pausing
from orchestrator.service.webhook_models import parsed_as
from orchestrator.storage.audit import Actor

PATH = "/v1/pause"


@dataclass(frozen=True, slots=True)
class PauseRoutes:
    """The handlers."""

    pausing: Pausing

    def table(self) -> list[web.AbstractRouteDef]:
        """Every route."""
        return [
            web.get(PATH, self.read),
            web.put(PATH, self.pause),
            web.delete(PATH, self.resume),
        ]

    async def read(self, request: web.Request) -> web.Response:
        """200 with what is paused."""
        _operator(request)
        return _answer(await self.pausing.shown())

    async def pause(self, request: web.Request) -> web.Response:
        """200 with what is paused then."""
        asker = _operator(request)
        wish = parsed_as(PauseRequest, await json_body(request))
        return _answer(
            await self.pausing.shown(await self.pausing.pause(Actor.of(asker, "rest"), wish))
        )

    async def resume(self, request: web.Request) -> web.Response:
        """200 with what is paused then, whether this was or not."""
        asker = _operator(request)
        await self.pausing.resume(Actor.of(asker, "rest"), _query(request).key)
        return _answer(await self.pausing.shown())


def _operator(request: web.Request) -> Principal:
    asker = asker_of(request)
    asker.require(Scope.OPS)
    return asker


def _query(request: web.Request) -> PauseQuery:
    if len(request.query.getall("key", [])) > 1:
        raise InvalidRequest((FieldError("key", "must be given once"),))
    try:
        return PauseQuery.model_validate(dict(request.query))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from None


def _answer(document: Mapping[str, Any]) -> web.Response:
    return json_answer(json.dumps(document, ensure_ascii=False).encode())
