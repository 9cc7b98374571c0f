"""`GET /v1/calls`: calls, newest first, a page at a time."""

import json
import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from aiohttp import web
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.errors import FieldError, InvalidRequest
from orchestrator.domain.words import State
from orchestrator.rest.answers import json_answer
from orchestrator.rest.asker import asker_of
from orchestrator.service.calls import CallService
from orchestrator.service.models import CallDocument, PathId, field_errors
from orchestrator.storage.listing import Page, Wanted

PATH = "/v1/calls"

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


def _time(text: str) -> str:
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be an RFC 3339 time, such as 2026-11-24T07:00:00Z")
    try:
        from_rfc3339(text)
    except (ValueError, OverflowError):
        raise ValueError("must be a time that exists") from None
    return text


Time = Annotated[str, StringConstraints(max_length=40), AfterValidator(_time)]


class ListQuery(BaseModel):
    """The query of the list; every filter given must be met."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = Field(default=None, description="Only calls in this state.")
    client_reference: str | None = Field(
        default=None,
        alias="clientReference",
        max_length=128,
        description="Only calls with this reference of yours.",
    )
    account_id: PathId | None = Field(
        default=None, alias="accountId", description="Only calls under this account, as given."
    )
    extension_id: PathId | None = Field(
        default=None,
        alias="extensionId",
        description="Only calls under this extension, as given.",
    )
    since: Time | None = Field(
        default=None,
        description="Only calls accepted at this time (RFC 3339) or later.",
        examples=["2026-11-24T07:00:00Z"],
    )
    until: Time | None = Field(
        default=None,
        description="Only calls accepted at this time (RFC 3339) or before.",
        examples=["2026-11-24T08:00:00Z"],
    )
    limit: int = Field(default=50, ge=1, le=200, description="The most calls on a page.")
    cursor: str | None = Field(
        default=None,
        min_length=1,
        max_length=256,
        description="Where the page begins: `next` of the page before, and its filters again.",
    )

    def wanted(self) -> Wanted:
        """The filters as storage takes them."""
        return Wanted(
            state=self.state,
            client_reference=self.client_reference,
            since=None if self.since is None else from_rfc3339(self.since),
            until=None if self.until is None else from_rfc3339(self.until),
            account_id=self.account_id,
            extension_id=self.extension_id,
        )


class CallPage(BaseModel):
    """A page of calls. It may be short, or empty, and have a next page all the same."""

    calls: list[CallDocument]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


@dataclass(frozen=True, slots=True)
class ListRoute:
    """The handler of the list."""

    service: CallService

    async def read(self, request: web.Request) -> web.Response:
        """The newest calls that are wanted, and a `Link` to the next page."""
        query = _query(request)
        try:
            page = await self.service.page(
                asker_of(request), query.wanted(), query.limit, query.cursor
            )
        except ValueError:
            raise InvalidRequest(
                (FieldError("cursor", "must be `next` of an earlier page, as it was given"),)
            ) from None
        return json_answer(_body(page), _link(request, page))


def _query(request: web.Request) -> ListQuery:
    given = request.query
    twice = sorted({name for name in given if len(given.getall(name)) > 1})
    if twice:
        raise InvalidRequest(tuple(FieldError(name, "must be given once") for name in twice))
    try:
        return ListQuery.model_validate(dict(given))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from None


def _body(page: Page) -> bytes:
    documents = b",".join(call.document for call in page.calls)
    return b'{"calls":[%b],"next":%b}' % (documents, json.dumps(page.cursor).encode())


def _link(request: web.Request, page: Page) -> dict[str, str]:
    if page.cursor is None:
        return {}
    query = urlencode({**request.query, "cursor": page.cursor})
    return {"Link": f'<{PATH}?{query}>; rel="next"'}
