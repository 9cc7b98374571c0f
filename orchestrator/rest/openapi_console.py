"""The operations of the OpenAPI document that the console asks for."""

from collections.abc import Sequence
from typing import Any

from openapi_pydantic.v3.v3_1 import Operation, Parameter, PathItem
from pydantic import TypeAdapter

from orchestrator.rest import console
from orchestrator.rest.openapi_parts import problems, response
from orchestrator.service.models import RingOutId


def paths() -> dict[str, PathItem]:
    """How the house stands, and a call's time line."""
    return {
        console.STATS: _get(
            "readstats",
            "Operations",
            "How the house stands",
            "Queue, budget, deliveries and workers, as they are counted every few seconds.",
            ("The counts.", "StatsDocument"),
            (),
        ),
        console.TIMELINE: _get(
            "readtimeline",
            "Calls",
            "A call's time line",
            "The events of one call in order, found in the stream from its acceptance on, and the "
            "evidence that was gathered where RingCentral's answer was lost; only calls that were "
            "placed here have one.",
            ("The events and the evidence.", "TimelineDocument"),
            ("invalid_field", "call_not_found"),
            parameters=[_call_id()],
        ),
    }


def _get(
    name: str,
    tag: str,
    summary: str,
    description: str,
    answer: tuple[str, str],
    codes: Sequence[str],
    **parts: Any,
) -> PathItem:
    operation = Operation(
        operationId=name,
        tags=[tag],
        summary=summary,
        description=description,
        responses={
            "200": response(*answer, ["Cache-Control"]),
            **problems(*codes, "storage_unavailable"),
        },
        **parts,
    )
    return PathItem(get=operation)


def _call_id() -> Parameter:
    return Parameter.model_validate(
        {
            "name": "callid",
            "in": "path",
            "description": "The id that we gave out.",
            "required": True,
            "schema": TypeAdapter(RingOutId).json_schema(),
        }
    )
