"""The routes of what is remembered: forgetting a phone, and the audit stream."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.domain.access import Scope
from orchestrator.domain.errors import FieldError, InvalidRequest
from orchestrator.rest.answers import json_answer
from orchestrator.rest.asker import asker_of
from orchestrator.rest.bodies import json_body
from orchestrator.service.forgetting import Forgetter
from orchestrator.service.forgotten import ForgetRequest, shown
from orchestrator.service.models import field_errors
from orchestrator.service.webhook_models import parsed_as
from orchestrator.storage.audit import Actor

FORGET = "/v1/forget"
AUDIT = "/v1/audit"


class AuditQuery(BaseModel):
    """The query of a page of the audit stream."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=50, ge=1, le=200, description="The most entries on a page.")
    before: str = Field(
        default="",
        pattern=r"^([0-9]{1,16}-[0-9]{1,16})?$",
        description="Only entries before this one: `next` of the page before.",
    )


class AuditEntry(BaseModel):
    """Who did what. An entry of the stream that is none of the house's own has empty fields."""

    id: str = Field(description="The entry's id in the stream.")
    at: str
    action: str = Field(
        description="Such as call.accepted, house.paused, number.forgotten; `unreadable` where the "
        "entry is none of the house's own."
    )
    owner: str = Field(description="The key that did it; empty where none was needed.")
    actor: str = Field(description="What people call who did it.")
    via: str = Field(description="rest, mcp or cli.")
    about: str = Field(description="The id of what was acted on; of a number, its digest.")
    detail: str


class AuditPage(BaseModel):
    """Entries, newest first; `next` is null on the last page."""

    entries: list[AuditEntry]
    next: str | None


@dataclass(frozen=True, slots=True)
class RememberedRoutes:
    """The handlers."""

    forgetter: Forgetter

    def table(self) -> list[web.AbstractRouteDef]:
        """Every route."""
        return [web.post(FORGET, self.forget), web.get(AUDIT, self.audit)]

    async def forget(self, request: web.Request) -> web.Response:
        """200 with what was done, and what is left to do."""
        asker = asker_of(request)
        asker.require(Scope.OPS)
        wish = parsed_as(ForgetRequest, await json_body(request))
        done = await self.forgetter.forget(asker, wish.phone_number, Actor.of(asker, "rest"))
        return _answer(shown(done))

    async def audit(self, request: web.Request) -> web.Response:
        """200 with a page of entries."""
        asker_of(request).require(Scope.OPS)
        query = _query(request)
        found = await self.forgetter.audit.before(query.before, query.limit)
        following = found[-1]["id"] if len(found) == query.limit else None
        page = AuditPage(entries=[AuditEntry(**one) for one in found], next=following)
        return _answer(page.model_dump(mode="json"))


def _query(request: web.Request) -> AuditQuery:
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise InvalidRequest((FieldError(name, "must be given once"),))
    try:
        return AuditQuery.model_validate(dict(request.query))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from None


def _answer(document: Mapping[str, Any]) -> web.Response:
    return json_answer(json.dumps(document, ensure_ascii=False).encode())
