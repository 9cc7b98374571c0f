"""Webhooks and deliveries as models: what validates also describes."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.errors import InvalidRequest
from orchestrator.domain.events import EventType
from orchestrator.service.models import PathId, Printable, field_errors

DeliveryState = Literal["pending", "delivered", "dead"]
WebhookId = Annotated[
    StrictStr, Field(pattern=r"^wh_[0-9a-f]{32}$", description="A webhook's id (wh_...).")
]
DeliveryId = Annotated[
    StrictStr, Field(pattern=r"^dlv_[0-9a-f]{32}$", description="A delivery's id (dlv_...).")
]
_DAY = 86_400


def _time(text: str) -> str:
    try:
        from_rfc3339(text)
    except (ValueError, OverflowError):
        raise ValueError("must be an RFC 3339 time, such as 2026-11-24T07:00:00Z") from None
    return text


def _distinct(names: list[EventType]) -> list[EventType]:
    return list(dict.fromkeys(names))


Url = Annotated[
    StrictStr,
    Field(
        min_length=1,
        max_length=2048,
        description="Where events are sent: https, without user, password or fragment.",
        examples=["https://example.com/hooks/calls"],
    ),
]
EventTypes = Annotated[
    list[EventType],
    Field(min_length=1, max_length=32, description="Only these events; all where it is left out."),
    AfterValidator(_distinct),
]
Description = Annotated[
    Printable, Field(max_length=256, description="Yours: shown and not interpreted.")
]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False, serialize_by_alias=True)


class WebhookFilters(_Model):
    """Every filter given must be met by the call."""

    client_reference: Annotated[Printable, Field(min_length=1, max_length=128)] | None = Field(
        default=None, alias="clientReference", description="The call's reference, exactly."
    )
    account_id: PathId | None = Field(
        default=None, alias="accountId", description="As given in the path that placed the call."
    )
    extension_id: PathId | None = Field(
        default=None, alias="extensionId", description="As given in the path that placed the call."
    )


class WebhookRequest(_Model):
    """A subscription to events."""

    url: Url
    event_types: EventTypes | None = Field(default=None, alias="eventTypes")
    filters: WebhookFilters | None = None
    description: Description | None = None


class WebhookChange(_Model):
    """What is to be different; what is left out stays, and null takes a restriction away."""

    url: Url = Field(default_factory=str)
    event_types: EventTypes | None = Field(default=None, alias="eventTypes")
    filters: WebhookFilters | None = None
    description: Description | None = None
    enabled: StrictBool = Field(default_factory=bool)


class SecretRotation(_Model):
    """How the secret is replaced."""

    overlap_seconds: StrictInt = Field(
        default=_DAY,
        alias="overlapSeconds",
        ge=0,
        le=30 * _DAY,
        description="How long the secrets before go on signing beside the new one.",
    )


class Redelivery(_Model):
    """Which dead deliveries are made anew."""

    since: Annotated[
        StrictStr,
        Field(
            max_length=40,
            description="Of events from this time (RFC 3339) on.",
            examples=["2026-11-24T07:00:00Z"],
        ),
        AfterValidator(_time),
    ]


class FiltersDocument(BaseModel):
    """The filters of a webhook; null where there is none."""

    clientReference: str | None
    accountId: str | None
    extensionId: str | None


class DisabledDocument(BaseModel):
    """Why a webhook gets nothing."""

    code: Literal["by_request", "gone", "only_fails", "backlog_full", "key_revoked", "key_expired"]
    message: str
    at: str


class HealthDocument(BaseModel):
    """How its deliveries have gone; `failures` counts failed attempts since the last delivery, and
    `eventsLost` the events of all calls that were not kept until they could be delivered."""

    pending: int
    delivered: int
    dead: int
    failures: int
    failingSince: str | None
    lastDeliveredAt: str | None
    lastFailure: str | None
    eventsLost: int
    eventsLostAt: str | None


class WebhookDocument(BaseModel):
    """A webhook. Times are RFC 3339 in UTC."""

    id: str
    url: str
    eventTypes: list[EventType] | None = Field(description="null: all.")
    filters: FiltersDocument
    description: str | None
    enabled: bool
    disabled: DisabledDocument | None
    owner: str | None = Field(
        default=None,
        description="The key that made it, null where none was needed; shown with the scope `ops`.",
    )
    createdAt: str
    updatedAt: str
    health: HealthDocument


class WebhookWithSecret(WebhookDocument):
    """A webhook with its signing secret, which is shown this once."""

    secret: str


class WebhookList(BaseModel):
    """Every webhook, the oldest first."""

    webhooks: list[WebhookDocument]


class FailureDocument(BaseModel):
    """What was wrong with the last attempt, and whose fault it seems to be."""

    code: str
    message: str
    source: Literal["theirs", "ours"] | None


class DeliveryDocument(BaseModel):
    """One event on its way to one receiver. Times are RFC 3339 in UTC."""

    id: str
    webhook: str | None = Field(description="null: to the call's own `callbackUrl`.")
    event: str = Field(description="The `webhook-id` that the receiver sees.")
    type: str
    call: str
    state: DeliveryState
    attempts: int
    createdAt: str
    nextAttemptAt: str | None
    lastAttemptAt: str | None
    settledAt: str | None
    status: int | None = Field(description="What the receiver answered last.")
    failure: FailureDocument | None


class DeliveryPage(BaseModel):
    """A page of deliveries, newest events first. It may be short and have a next page."""

    deliveries: list[DeliveryDocument]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class RedeliveredDocument(BaseModel):
    """How many deliveries are made anew."""

    redelivered: int


ASKED: tuple[type[BaseModel], ...] = (WebhookRequest, WebhookChange, SecretRotation, Redelivery)
SHOWN: tuple[type[BaseModel], ...] = (
    WebhookDocument,
    WebhookWithSecret,
    WebhookList,
    DeliveryDocument,
    DeliveryPage,
    RedeliveredDocument,
)

Model = TypeVar("Model", bound=BaseModel)


def parsed_as(model: type[Model], body: Any) -> Model:
    """The model in a decoded JSON body; InvalidRequest naming each field that is not usable."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise InvalidRequest(field_errors(error)) from None
