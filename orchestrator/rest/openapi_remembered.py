"""The operations of the OpenAPI document on what is remembered."""

from typing import Any

from openapi_pydantic.v3.v3_1 import MediaType, Operation, PathItem, RequestBody

from orchestrator.rest import remembered
from orchestrator.rest.openapi_parts import JSON, problems, query_parameters, ref, response

_EXAMPLES = {"one": {"summary": "One phone", "value": {"phoneNumber": "+16505550123"}}}


def paths() -> dict[str, PathItem]:
    """Forgetting a phone, and the audit stream."""
    wish = MediaType(schema=ref("schemas", "ForgetRequest"), examples=dict(_EXAMPLES))
    forget = _operation(
        "forget",
        "Forget a phone",
        "Masks or removes whatever names the phone where its calls have ended, cancels those that "
        "wait, and looks through Redis to prove it. Safe to repeat: with calls under way it is to "
        "be asked again. That the phone is never to be rung stays, where it is suppressed.",
        ("What was done, and what is left to do.", "ForgottenDocument"),
        "request_timeout",
        "body_too_large",
        "unsupported_media_type",
        requestBody=RequestBody(required=True, content={JSON: wish}),
    )
    audit = _operation(
        "readaudit",
        "Who did what",
        "The entries of the audit stream, newest first; for the scope `ops`.",
        ("A page of entries.", "AuditPage"),
        parameters=query_parameters(remembered.AuditQuery),
    )
    return {
        remembered.FORGET: PathItem(post=forget),
        remembered.AUDIT: PathItem(get=audit),
    }


def _operation(
    name: str, summary: str, description: str, answer: tuple[str, str], *codes: str, **parts: Any
) -> Operation:
    return Operation(
        operationId=name,
        tags=["Operations"],
        summary=summary,
        description=description,
        responses={
            "200": response(*answer, ["Cache-Control"]),
            **problems(*codes, "invalid_field", "storage_unavailable"),
        },
        **parts,
    )
