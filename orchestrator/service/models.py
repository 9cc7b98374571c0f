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
from orchestrator.domain.hours import DAYS
from orchestrator.domain.hours import AllowedHours as Hours
from orchestrator.service import hours
from orchestrator.service.destinations import e164

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_LONGEST_PATH = 120
_NOT_E164 = (
    "must be a phone number in E.164 form: +, country code, number without a leading trunk prefix; "
    "7 to 15 digits in all"
)


def _e164(text: str) -> str:
    number = e164(text)
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


TimeOfDay = Annotated[
    StrictStr, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["08:00"])
]


def _known_zone(name: str) -> str:
    if name not in hours.zone_names() or hours.zone(name) is None:
        raise ValueError("must be the IANA name of a time zone, such as America/New_York")
    return name


class AllowedHours(_Model):
    """When the call may be placed, by the clocks of a time zone."""

    from_: TimeOfDay = Field(alias="from", description="The first minute.")
    to: TimeOfDay = Field(
        description="The first minute after them; on the next day, where it is before `from`.",
        examples=["21:00"],
    )
    time_zone: Annotated[StrictStr, AfterValidator(_known_zone)] = Field(
        alias="timeZone",
        max_length=64,
        description="IANA's name of the zone.",
        examples=["America/New_York"],
    )
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = Field(
        default=None,
        min_length=1,
        max_length=7,
        description="The days on which the hours begin; every day where it is left out.",
    )

    @model_validator(mode="after")
    def _is_not_empty(self) -> "AllowedHours":
        if self.from_ == self.to:
            raise ValueError("`from` and `to` must differ")
        return self

    def text(self) -> str:
        """The hours as a call keeps them."""
        begin, end = (60 * int(at[:2]) + int(at[3:]) for at in (self.from_, self.to))
        days = frozenset(DAYS.index(day) for day in self.days or DAYS)
        return Hours(begin, end, self.time_zone, days).text()


class RingOutRequest(_Model):
    """A wish to connect two people: RingCentral's body, and a few fields of ours."""

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

    allowed_hours: AllowedHours | None = Field(
        default=None,
        alias="allowedHours",
        description="When the call may be placed; it waits for them, if they come in time.",
    )

    validate_only: StrictBool = Field(
        default=False,
        alias="validateOnly",
        description="A dry run: everything is checked, nothing is written down or counted, nobody "
        "is rung; the answer says what would happen. Not together with an idempotency key.",
    )

    def for_ringcentral(self) -> dict[str, Any]:
        """The body that RingCentral is sent: without our own fields, numbers normalised."""
        ours = {"client_reference", "expires_in", "callback_url", "allowed_hours", "validate_only"}
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


class PolicyDocument(BaseModel):
    """A quota: how many calls, in how many seconds, and how many more may be made now."""

    policy: str = Field(examples=["velocity.callee"])
    limit: int = Field(ge=1)
    seconds: int = Field(ge=1)
    remaining: int = Field(ge=0)


class ValidateOnlyDocument(BaseModel):
    """What would happen: the call would be accepted, or taken for a second click and answered
    with `call`, which an earlier one has made."""

    outcome: Literal["accepted", "replayed_double_click"]
    call: str = Field(
        default=None,  # type: ignore[assignment]
        json_schema_extra=_left_out,
        description="The first call, where this is taken for a second click.",
    )
    waits: ReasonDocument | None = Field(
        description="Why the call would not be placed at once, as it would then say in `reason`: "
        "`paused` or `outside_allowed_hours`; null where neither holds it back.",
    )
    policies: list[PolicyDocument]


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
    validateOnly: ValidateOnlyDocument = Field(
        default=None,  # type: ignore[assignment]
        json_schema_extra=_left_out,
        description="Only in the answer to a dry run: there is no such call.",
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
