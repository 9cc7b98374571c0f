"""What was done to forget a phone, what is left to do, and what an operator does about that."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr
from pydantic.alias_generators import to_camel

from orchestrator.service.destinations import e164
from orchestrator.storage import delivery_keys, keys

_MOST_NAMED = 20
_WEBHOOKS = (delivery_keys.webhook(""), delivery_keys.secret(""))


def _e164(number: str) -> str:
    normal = e164(number)
    if normal is None:
        raise ValueError("must be a number in E.164 form: +, country code, number")
    return normal


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done about a number.

    `calls` ended ones were masked, `cancelled` waited and were cancelled first, `in_use` are under
    way: for these it is to be done again when they have ended. `keys` were looked at afterwards;
    `found` are those that hold the number still, without what the calls under way need; `unread`
    are kinds of keys that could not be looked at. `advice` says what is to be done about these.
    """

    number: str
    calls: int
    cancelled: tuple[str, ...]
    in_use: tuple[str, ...]
    events: int
    deliveries: int
    keys: int
    found: tuple[str, ...]
    unread: tuple[str, ...]
    advice: tuple[str, ...]

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return not self.in_use and not self.found and not self.unread


def shown(done: Forgotten) -> dict[str, Any]:
    """What was done, ready for JSON."""
    return ForgottenDocument.model_validate(asdict(done)).model_dump(mode="json", by_alias=True)


class ForgetRequest(BaseModel):
    """Which phone is to be forgotten."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    phone_number: Annotated[StrictStr, AfterValidator(_e164)] = Field(
        description="The number in E.164 form, such as +16505550123.",
        examples=["+16505550123"],
        max_length=40,
    )


class ForgottenDocument(BaseModel):
    """What was done to forget a phone."""

    model_config = ConfigDict(
        alias_generator=to_camel, serialize_by_alias=True, populate_by_name=True
    )

    number: str = Field(description="The number, masked.")
    calls: int = Field(description="How many calls that have ended were masked.")
    cancelled: list[str] = Field(description="The calls that waited, and were cancelled for this.")
    in_use: list[str] = Field(
        description="The calls under way: ask again when they have ended. Their full number goes "
        "by itself at their end. One that has not ended and cannot be read is among them."
    )
    events: int = Field(description="How many events were deleted.")
    deliveries: int = Field(description="How many deliveries were masked.")
    keys: int = Field(description="How many keys of Redis were looked at afterwards.")
    found: list[str] = Field(
        description="Those that hold the number still, without what the calls under way need; "
        "empty when all is done."
    )
    unread: list[str] = Field(
        description="Kinds of keys that could not be looked at, such as a newer version's: whether "
        "they hold the number is not proved. Empty when all is done."
    )
    advice: list[str] = Field(
        description="What is to be done about those found, and about those not looked at, where it "
        "takes more than asking again."
    )


def advice(found: Iterable[str], unread: Iterable[str], audited: list[str]) -> tuple[str, ...]:
    """What is to be done about keys that hold the number (their names tell nothing of it any
    more) and about kinds that could not be looked at; `audited` are entries of the audit stream."""
    names, said = list(found), []
    if keys.AUDIT in names:
        some = " ".join(audited[:_MOST_NAMED])
        more = ", and the same for those that are named then" * (len(audited) > _MOST_NAMED)
        said.append(
            f"{keys.AUDIT}: the processes' user may not change an entry. Who administers Redis "
            f"copies what has to be kept, and deletes it: XDEL {keys.AUDIT} {some}{more}."
        )
    if any(name.startswith(_WEBHOOKS) for name in names):
        said.append("A webhook with the number in it: change its URL or description, or delete it.")
    if list(unread):
        said.append(
            "What could not be looked at: ask a process of the version that wrote it, or give this "
            "version's user of Redis the rights of that one's; then ask again."
        )
    return tuple(said)
