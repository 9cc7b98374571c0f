"""The operations of the OpenAPI document that answer streams of events."""

from openapi_pydantic.v3.v3_1 import (
    MediaType,
    Operation,
    Parameter,
    PathItem,
    Reference,
    Response,
    Schema,
)

from orchestrator.rest import events
from orchestrator.rest.event_query import EventQuery, OneQuery
from orchestrator.rest.openapi_parts import (
    owner_parameters,
    problems,
    query_parameters,
    ref,
    response,
    ringout_parameter,
)
from orchestrator.rest.spellings import BOTH, Spelling

MEDIA_TYPE = "text/event-stream"
_EXAMPLE = 'id: 1764000000000-0\nevent: call.ringing\ndata: {"id":"call_01","state":"ringing"}\n\n'
_STREAM = (
    "Server-sent events: `id` is the place in the stream, `event` the type, `data` the call "
    "(`CallDocument`) after the change, on one line. A connection that breaks is taken up again "
    "with the id of the last event, in the header `Last-Event-ID` as browsers send it or in the "
    "query. Events are told in order and at least once; where some are not kept any more, an "
    "event `gap` says so, its data `oldest` and `lastEventId`. A comment is sent every 15 "
    "seconds. A client that does not keep up is disconnected."
)


def paths() -> dict[str, PathItem]:
    """All events, and those of one call in both spellings."""
    one = {f"{spelling.one}{events.SUFFIX}": _one(spelling) for spelling in BOTH}
    return {events.PATH: PathItem(get=_all()), **one}


def _all() -> Operation:
    return Operation(
        operationId="streamevents",
        tags=["Events"],
        summary="All events",
        description=f"Every change of every call that meets all filters, from now on. {_STREAM}",
        parameters=_parameters(EventQuery),
        responses={"200": _stream(), **_problems()},
    )


def _one(spelling: Spelling) -> PathItem:
    operation = Operation(
        operationId=f"streamringoutevents{spelling.suffix}",
        tags=["Events"],
        summary="Events of one call",
        description="The call as it is, and then each change, until it has ended; with the id of "
        f"the last event received, what came after it. {_STREAM}",
        parameters=_parameters(OneQuery),
        responses={
            "200": _stream(),
            "204": response("The call has ended, and its last event was received: stay away."),
            **_problems("call_not_found"),
        },
    )
    return PathItem(
        parameters=[*owner_parameters(spelling), ringout_parameter(spelling)], get=operation
    )


def _parameters(model: type[OneQuery]) -> list[Parameter | Reference]:
    return [ref("parameters", "LastEventID"), *query_parameters(model)]


def _problems(*codes: str) -> dict[str, Response]:
    return problems(*codes, "invalid_field", "storage_unavailable", "too_many_streams", "not_ready")


def _stream() -> Response:
    schema = Schema.model_validate({"type": "string"})
    return Response(
        description="The events.",
        headers={"Cache-Control": ref("headers", "Cache-Control")},
        content={MEDIA_TYPE: MediaType(schema=schema, example=_EXAMPLE)},
    )
