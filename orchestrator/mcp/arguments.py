"""What the tools take: models that check what was sent and describe it to the agent.

They are ours rather than the SDK's, since its text for arguments that do not fit repeats the
values, phone numbers included.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.json_schema import GenerateJsonSchema

from orchestrator.domain import phones
from orchestrator.domain.errors import FieldError, InvalidRequest, MalformedRequest
from orchestrator.edge.strict_json import decoded_text
from orchestrator.service.models import (
    IdempotencyKey,
    PathId,
    RingOutId,
    RingOutRequest,
    field_errors,
)
from orchestrator.service.wishes import Wish

_MOST_SHOWN = 8
_LONGEST_PATH = 80
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


def _object(value: Any) -> Any:
    """The object in a JSON string: some clients send an object argument that way."""
    if not isinstance(value, str):
        return value
    try:
        decoded = decoded_text(value)
    except MalformedRequest as error:
        raise ValueError(f"must be an object, or one as JSON text. {error.detail}") from None
    return decoded if isinstance(decoded, dict) else value


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=False)

    account_id: PathId = Field(default="~", alias="accountId")
    extension_id: PathId = Field(default="~", alias="extensionId")


class MakeArguments(_Arguments):
    """The arguments of make-ringout-call."""

    body: Annotated[RingOutRequest, BeforeValidator(_object)] = Field(
        description="Whom to connect: RingCentral's request body, and some fields of ours."
    )
    idempotency_key: IdempotencyKey | None = Field(
        default=None,
        alias="idempotencyKey",
        description="Names this wish, so that repeating it cannot ring anybody twice: the same "
        "key with the same arguments is the same call, for 24 hours.",
    )

    def wish(self) -> Wish:
        """What is asked for."""
        return Wish(self.body, self.account_id, self.extension_id, self.idempotency_key, via="mcp")


class CallArguments(_Arguments):
    """The arguments of get-ringout-call-status and cancel-ringout-call."""

    ringout_id: RingOutId = Field(
        alias="ringoutId",
        description="The id that make-ringout-call returned (call_...), or RingCentral's own.",
    )


ArgumentsT = TypeVar("ArgumentsT", MakeArguments, CallArguments)


def understood(model: type[ArgumentsT], sent: Mapping[str, Any]) -> ArgumentsT:
    """The arguments; InvalidRequest with the path of each one that is not usable."""
    try:
        return model.model_validate(sent)
    except ValidationError as error:
        found = field_errors(error)
    named = [FieldError(_path(each.field), each.detail) for each in found[:_MOST_SHOWN]]
    if len(found) > _MOST_SHOWN:
        named.append(FieldError("...", f"and {len(found) - _MOST_SHOWN} more"))
    raise InvalidRequest(tuple(named))


def _path(field: str) -> str:
    printable = _NOT_PRINTABLE.sub("?", field[:_LONGEST_PATH])
    return phones.scrubbed(printable) + ("..." if len(field) > _LONGEST_PATH else "")


class WithoutTitles(GenerateJsonSchema):
    """Schemas without a title for each field that only repeats its name: agents pay for them."""

    def field_title_should_be_set(self, *_: Any, **__: Any) -> bool:
        return False


def input_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema that a tool publishes for its arguments."""
    return model.model_json_schema(by_alias=True, mode="validation", schema_generator=WithoutTitles)
