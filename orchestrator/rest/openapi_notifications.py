"""What the OpenAPI document says of the door that RingCentral alone knocks at."""

from openapi_pydantic.v3.v3_1 import (
    Header,
    MediaType,
    Operation,
    Parameter,
    PathItem,
    RequestBody,
    Schema,
)
from openapi_pydantic.v3.v3_1 import Response as Answer

from orchestrator.rest.notifications import HANDSHAKE, PATH, VERIFICATION
from orchestrator.rest.openapi_parts import JSON, problems

_TEXT = {"type": "string"}
_OVER = {
    "uuid": "1823485288313944239",
    "event": "/restapi/v1.0/account/1/extension/2/telephony/sessions",
    "timestamp": "2026-11-24T07:00:00.123Z",
    "body": {
        "sequence": 3,
        "telephonySessionId": "s-a1d145704da1c",
        "eventTime": "2026-11-24T07:00:00.100Z",
        "origin": {"type": "RingOut"},
        "parties": [
            {
                "id": "p-a1d145704da1c-1",
                "extensionId": "2",
                "from": {"phoneNumber": "+16505550123"},
                "to": {"phoneNumber": "+16505550100"},
                "status": {"code": "Disconnected", "reason": "CallFinished"},
            }
        ],
    },
}
_BODY = MediaType(
    schema=Schema(description="Anything, up to 64 KiB."),
    examples={"over": {"summary": "A party has left", "value": _OVER}},
)
_ABOUT = (
    "For RingCentral: where `RINGOUT_NOTIFICATIONS` is `webhook`, it sends the changes of calls "
    f"here. Each shows the secret that it was given in `{VERIFICATION}`; without it, only the "
    f"handshake of a new subscription is answered, by its own `{HANDSHAKE}`. What is sent is heard "
    "after it is answered: that it cannot be read, or tells nothing new, is not said."
)


def paths() -> dict[str, PathItem]:
    """Where RingCentral sends its notifications."""
    answer = Answer(
        description="It has arrived.",
        headers={
            HANDSHAKE: Header(
                description="That of the request, in a handshake.",
                schema=Schema.model_validate({**_TEXT, "examples": ["5a7c"]}),
            )
        },
    )
    operation = Operation(
        operationId="hearnotification",
        tags=["Operations"],
        summary="Hear a notification of RingCentral's",
        description=_ABOUT,
        parameters=[
            _parameter("path", "credential", "The credential whose calls it tells of."),
            _parameter("header", VERIFICATION, "The secret."),
            _parameter("header", HANDSHAKE, "To be given back; or the secret."),
        ],
        requestBody=RequestBody(
            description="A notification of a telephony session; a handshake has none.",
            content={JSON: _BODY},
        ),
        responses={"200": answer, **problems("not_found", "request_timeout")},
    )
    return {PATH: PathItem(post=operation)}


def _parameter(where: str, name: str, description: str) -> Parameter:
    content = {"name": name, "in": where, "description": description, "schema": _TEXT}
    return Parameter.model_validate({**content, "required": where == "path"})
