"""What a client asks of the event streams: filters, and the place to go on from."""

from collections.abc import Callable

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orchestrator.domain.errors import FieldError, InvalidRequest, MalformedRequest
from orchestrator.domain.events import EventType
from orchestrator.domain.words import State
from orchestrator.service.models import PathId, field_errors
from orchestrator.storage.events import Entry, Place

LAST_ID = "lastEventId"
_HEADER = "Last-Event-ID"
_REPEATABLE = frozenset({"type"})


class OneQuery(BaseModel):
    """The query of one call's stream."""

    model_config = ConfigDict(extra="forbid")

    last_event_id: str | None = Field(
        default=None,
        alias=LAST_ID,
        description="The id of the last event received, for clients that cannot send the header "
        "`Last-Event-ID`, which counts where both are given. `0` is from the first that is kept.",
        examples=["1764000000000-0"],
    )


class EventQuery(OneQuery):
    """The query of the stream of all events; every filter given must be met."""

    type: list[EventType] = Field(
        default_factory=list, description="Only events of this type, or of these: repeatable."
    )
    state: State | None = Field(
        default=None, description="Only events that left their call in this state."
    )
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

    def wants(self) -> Callable[[Entry], bool]:
        """Whether an event meets the filters."""
        types = frozenset(str(one) for one in self.type)
        wanted = [
            (name, value)
            for name, value in (
                ("state", self.state),
                ("clientReference", self.client_reference),
                ("accountId", self.account_id),
                ("extensionId", self.extension_id),
            )
            if value is not None
        ]

        def is_wanted(entry: Entry) -> bool:
            fields = entry.fields
            if not fields["type"] or (types and fields["type"] not in types):
                return False
            return all(fields.get(name) == value for name, value in wanted)

        return is_wanted


def _field(error: FieldError) -> FieldError:
    """The parameter's name, without the number of the value that was wrong."""
    return FieldError(error.field.partition(".")[0], error.detail)


def event_query(request: web.Request) -> EventQuery:
    """The filters; InvalidRequest naming each that is unknown or not usable."""
    given = _once(request)
    try:
        return EventQuery.model_validate({**given, "type": request.query.getall("type", [])})
    except ValidationError as error:
        raise InvalidRequest(tuple(_field(one) for one in field_errors(error))) from None


def one_query(request: web.Request) -> OneQuery:
    """The query of one call's stream; InvalidRequest as `event_query`."""
    try:
        return OneQuery.model_validate(_once(request))
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from None


def since(request: web.Request, query: OneQuery) -> Place | None:
    """The place to go on from, None for now; MalformedRequest for what is not an event's id."""
    headers = request.headers.getall(_HEADER, [])
    named = _HEADER if any(headers) else LAST_ID
    text = next((text for text in headers if text), query.last_event_id)
    if not text:
        return None
    try:
        return Place.of(text.strip())
    except ValueError:
        detail = f"{named} must be the id of an event, as it was received, or 0."
        raise MalformedRequest(detail, named) from None


def _once(request: web.Request) -> dict[str, str]:
    given = request.query
    names = set(given)
    twice = sorted(
        name for name in names if len(given.getall(name)) > 1 and name not in _REPEATABLE
    )
    if twice:
        raise InvalidRequest(tuple(FieldError(name, "must be given once") for name in twice))
    return dict(given)
