"""The request and the call as models: what validates a body also describes it, to REST's OpenAPI
document and to MCP's schemas alike.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from orchestrator.domain import phones
from orchestrator.domain.errors import FieldError, InvalidRequest

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_LONGEST_PATH = 120
_NOT_E164 = "must be a phone number in E.164 form: +, country code, number; 7 to 15 digits in all"


def _e164(text: str) -> str:
    number = phones.normalised(text)
    if number is None:
        raise ValueError(_NOT_E164)
    return number


def _printable(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("must not hold control characters")
    return text


Printable = Annotated[StrictStr, AfterValidator(_printable)]
"""Text of one line."""

PhoneNumber = Annotated[
    StrictStr,
    Field(
        max_length=32,
        description="A phone number in E.164 form.",
        examples=["+16505550123"],
    ),
    AfterValidator(_e164),
]

RingCentralId = Annotated[
    StrictStr, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", description="An id of RingCentral's.")
]

PathId = Annotated[
    StrictStr,
    Field(
        pattern=r"^(~|[A-Za-z0-9_-]{1,64})$",
        description="RingCentral's id, or ~ for the one that the credential belongs to.",
        examples=["~"],
    ),
]

RingOutId = Annotated[
    StrictStr,
    Field(
        pattern=r"^[A-Za-z0-9_~@:+=-][A-Za-z0-9._~@:+=-]{0,255}$",
        description="The id we gave out (call_...), or RingCentral's own id.",
    ),
]

IdempotencyKey = Annotated[
    StrictStr,
    Field(
        min_length=1,
        max_length=255,
        description="Names this wish: the same key with the same request is the same call, "
        "for 24 hours.",
    ),
    AfterValidator(_printable),
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False, serialize_by_alias=True)


class Caller(_Model):
    """The phone that rings first: by its number, or by the id of a forwarding number."""

    phone_number: PhoneNumber | None = Field(default=None, alias="phoneNumber")
    forwarding_number_id: RingCentralId | None = Field(default=None, alias="forwardingNumberId")

    @model_validator(mode="after")
    def _one_of_two(self) -> "Caller":
        if (self.phone_number is None) == (self.forwarding_number_id is None):
            raise ValueError("must hold either phoneNumber or forwardingNumberId")
        return self


class Callee(_Model):
    """The phone that rings once the caller has answered."""

    phone_number: PhoneNumber = Field(alias="phoneNumber")


class CallerId(_Model):
    """The number shown to the callee; RingCentral must allow it for the extension."""

    phone_number: PhoneNumber = Field(alias="phoneNumber")


class Country(_Model):
    """The country whose dialling plan applies, by RingCentral's id (not an ISO code)."""

    id: RingCentralId


class RingOutRequest(_Model):
    """A wish to connect two people: RingCentral's body, and two fields of ours."""

    from_: Caller | None = Field(
        default=None,
        alias="from",
        description="The caller; the extension's default phone where it is left out.",
    )
    to: Callee
    caller_id: CallerId | None = Field(default=None, alias="callerId")
    play_prompt: StrictBool | None = Field(
        default=None,
        alias="playPrompt",
        description="Whether the caller must press 1 before the callee is rung.",
    )
    country: Country | None = None
    client_reference: Annotated[StrictStr, AfterValidator(_printable)] | None = Field(
        default=None,
        alias="clientReference",
        max_length=128,
        description="Yours: echoed wherever this call is shown.",
    )
    expires_in: StrictInt = Field(
        default=60,
        alias="expiresIn",
        ge=1,
        le=3600,
        description="Seconds for which the call is worth placing; after that it ends expired.",
    )

    callback_url: Annotated[StrictStr, AfterValidator(_printable)] | None = Field(
        default=None,
        alias="callbackUrl",
        max_length=2048,
        description="Where this call's events are sent, signed with the secret that the operator "
        "of this service has set; a webhook for one call.",
    )

    def for_ringcentral(self) -> dict[str, Any]:
        """The body that RingCentral is sent: without our own fields, numbers normalised."""
        ours = {"client_reference", "expires_in", "callback_url"}
        return self.model_dump(by_alias=True, exclude_none=True, exclude=ours)


class StatusDocument(BaseModel):
    """RingCentral's words, untouched."""

    callStatus: str
    callerStatus: str
    calleeStatus: str


class EndpointDocument(BaseModel):
    """One end of the call; the number is masked."""

    phoneNumber: str | None = None
    forwardingNumberId: str | None = None


class ReasonDocument(BaseModel):
    """Why: a stable code (RingCentral's where it spoke) and a sentence."""

    code: str
    message: str


class CancelDocument(BaseModel):
    """A cancel, and what came of it."""

    requestedAt: str
    outcome: Literal["cancelled", "too_late", "unknown"] | None


def _left_out(schema: dict[str, Any]) -> None:
    """A member that may be missing and is never null."""
    schema.pop("default", None)


class QueueDocument(BaseModel):
    """Where a call stands that waits for its turn, and when that may come (RFC 3339, UTC)."""

    position: int = Field(ge=1)
    estimatedStart: str


class CallDocument(BaseModel):
    """A call, as it is shown everywhere. Times are RFC 3339 in UTC."""

    id: str
    uri: str
    status: StatusDocument
    ringoutId: str | None
    state: Literal["queued", "placing", "unconfirmed", "ringing", "connected", "ended"]
    outcome: (
        Literal[
            "completed",
            "busy",
            "no_answer",
            "rejected",
            "cancelled",
            "expired",
            "blocked",
            "failed",
            "unknown",
        ]
        | None
    )
    reason: ReasonDocument | None
    from_: EndpointDocument | None = Field(alias="from")
    to: EndpointDocument | None
    clientReference: str | None
    sequence: int
    acceptedAt: str | None
    placedAt: str | None
    connectedAt: str | None
    endedAt: str | None
    observedAt: str | None
    cancel: CancelDocument | None
    queue: QueueDocument = Field(
        default=None,  # type: ignore[assignment]
        json_schema_extra=_left_out,
        description="Only where one call is read, and only while it waits behind others or for "
        "RingCentral's rate limit.",
    )


def parsed(body: Any) -> RingOutRequest:
    """The request in a decoded JSON body; InvalidRequest naming each field that is not usable."""
    try:
        return RingOutRequest.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from None


def field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    """What a validation found, by dotted field path, without the values that were sent."""
    return tuple(
        FieldError(_path(problem["loc"]), _detail(problem["type"], problem["msg"]))
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    )


def _path(parts: tuple[int | str, ...]) -> str:
    """A dotted path; a name that the client made up may be long, or a phone number."""
    path = phones.scrubbed(".".join(str(part) for part in parts))
    return path[:_LONGEST_PATH] or "body"


def _detail(kind: str, message: str) -> str:
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        return "must be an object"
    return message.removeprefix("Value error, ")
