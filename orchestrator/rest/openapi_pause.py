"""The operations of the OpenAPI document on the pause switch."""

from openapi_pydantic.v3.v3_1 import MediaType, Operation, Parameter, PathItem, RequestBody
from pydantic import TypeAdapter

from orchestrator.rest import pause
from orchestrator.rest.openapi_parts import JSON, problems, ref, response
from orchestrator.service.pausing import KeyId

_EXAMPLES = {
    "house": {"summary": "All calls", "value": {"reason": "Fire drill until noon."}},
    "key": {"summary": "One key's", "value": {"key": "f3a9c1", "reason": "Too many complaints."}},
}
_BODY_FAILS = ("request_timeout", "body_too_large", "unsupported_media_type", "invalid_field")


def paths() -> dict[str, PathItem]:
    """What is paused, and the switch."""
    wish = MediaType(schema=ref("schemas", "PauseRequest"), examples=dict(_EXAMPLES))
    put = _operation(
        "pause",
        "Pause the placing of calls",
        "From the answer on no request leaves that places a call, of all or of the key's. Calls "
        "are accepted as ever: they wait, saying why, or expire. Those that were placed go on.",
        *_BODY_FAILS,
    )
    put.requestBody = RequestBody(required=True, content={JSON: wish})
    delete = _operation(
        "resume",
        "Place calls again",
        "Ends the pause of the house, or of the key; calls that waited for it are placed, in "
        "order. It is no mistake to end a pause that there is not.",
        "invalid_field",
    )
    delete.parameters = [_key()]
    about = "The pauses of the house and of keys; for the scope `ops`, as all of this is."
    return {
        pause.PATH: PathItem(
            get=_operation("readpause", "What is paused", about), put=put, delete=delete
        )
    }


def _operation(name: str, summary: str, description: str, *codes: str) -> Operation:
    return Operation(
        operationId=name,
        tags=["Operations"],
        summary=summary,
        description=description,
        responses={
            "200": response("What is paused now.", "PauseDocument", ["Cache-Control"]),
            **problems(*codes, "storage_unavailable"),
        },
    )


def _key() -> Parameter:
    return Parameter.model_validate(
        {
            "name": "key",
            "in": "query",
            "description": "The id of a key; the house's pause where it is left out.",
            "schema": TypeAdapter(KeyId).json_schema(),
        }
    )
