"""A person says yes before an agent's call is made.

The question goes out as the answer to the agent's request, and the agent's client repeats the
request with what the person said (`input_required`, MCP 2026-07-28). In between nothing is kept
here: the client holds a sealed state, which the SDK binds to the tool, its arguments and who asks.
Inside is the name of one wish. A state may come back any number of times, to any replica, so the
call is accepted under that name as its idempotency key, in the script that writes the call down.
"""

import secrets
from dataclasses import dataclass
from typing import Any, Literal

from mcp.server.mcpserver import Context
from mcp.types import (
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp.types.version import is_version_at_least

from orchestrator.domain import phones
from orchestrator.domain.access import Principal
from orchestrator.domain.errors import ConfirmationDeclined, ConfirmationRequired
from orchestrator.mcp.arguments import MakeArguments
from orchestrator.service import CallService
from orchestrator.service.models import Caller
from orchestrator.storage.records import Snapshot

Policy = Literal["required", "when-possible", "off"]

POLICY = "confirmation"
_QUESTION = "confirmation"
_ANSWER = "place"
_ASKS_BY_RESULT = "2026-07-28"
"""The first protocol revision in which a server without sessions can ask."""

_FORM = {
    "type": "object",
    "properties": {_ANSWER: {"type": "boolean", "title": "Place the call", "default": True}},
    "required": [_ANSWER],
}
"""One field that need not be touched, but is sent: VS Code cannot submit a form without fields, and
a field that is left out is no yes. Clients that show no forms accept without any content."""

_CANNOT_ASK = (
    "A person has to confirm each call, and this client cannot ask one: it would have to speak MCP "
    f"{_ASKS_BY_RESULT} and declare the capability elicitation"
)
_SAID_NO = "The person who was asked does not want this call"
_SAID_NOTHING = "The person who was asked closed the question without an answer"


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Whether and how a person is asked."""

    service: CallService
    policy: Policy

    async def confirmed(
        self, asker: Principal, wanted: MakeArguments, context: Context[Any]
    ) -> MakeArguments | Snapshot | InputRequiredResult:
        """The arguments to go on with, or what to answer with: a question, or the call that the
        client's own key has made before, about which nobody is asked again.

        Arguments that a person has confirmed carry an idempotency key: the client's own, which the
        confirmation is bound to as to all arguments, or one that is the confirmation's alone.
        ConfirmationRequired, ConfirmationDeclined; and before anybody is asked, whatever refuses
        the call without them. A dry run meets the same refusals, and nobody is asked about it.
        Arguments whose key has made a call are never gone on with unasked: the key's time may be
        over by then, and they would make another.
        """
        wish = context.request_state
        if wish is not None and (said := _answer(context)) is not None:
            _check(said)
            key = wanted.idempotency_key or f"{_QUESTION} {wish}"
            return wanted.model_copy(update={"idempotency_key": key})
        can_ask = _can_ask(context)
        is_needed = self.policy == "required" or (self.policy == "when-possible" and can_ask)
        is_dry = wanted.body.validate_only
        if not is_needed or (is_dry and can_ask):
            return wanted
        rehearse = self.service.accept if is_dry else self.service.accepting.rehearse
        rehearsed = await rehearse(asker, wanted.wish())
        if rehearsed.replayed:
            return rehearsed.snapshot
        if not can_ask:
            raise ConfirmationRequired(POLICY, _CANNOT_ASK)
        return _question(wanted)


def _can_ask(context: Context[Any]) -> bool:
    """Whether the client says that it shows people forms; a bare `elicitation` means forms."""
    version, has = context.protocol_version, context.client_capabilities
    if version is None or not is_version_at_least(version, _ASKS_BY_RESULT):
        return False
    asks = has.elicitation if has is not None else None
    return asks is not None and (asks.form is not None or asks.url is None)


def _question(wanted: MakeArguments) -> InputRequiredResult:
    form = ElicitRequestFormParams(message=_message(wanted), requested_schema=_FORM)
    return InputRequiredResult(
        input_requests={_QUESTION: ElicitRequest(params=form)},
        request_state=secrets.token_urlsafe(24),
    )


def _message(wanted: MakeArguments) -> str:
    body = wanted.body
    shown = phones.masked(body.caller_id.phone_number) if body.caller_id else "the line's default"
    line = (wanted.extension_id, wanted.account_id)
    return (
        f"Place this call? {_named(body.from_)} rings first, then "
        f"{phones.masked(body.to.phone_number)}. Caller ID: {shown}."
        + ("" if line == ("~", "~") else " Extension {} of account {}.".format(*line))
    )


def _named(caller: Caller | None) -> str:
    if caller is None:
        return "The line's default phone"
    if caller.phone_number is not None:
        return phones.masked(caller.phone_number)
    return f"Forwarding number {caller.forwarding_number_id}"


def _answer(context: Context[Any]) -> ElicitResult | None:
    said = (context.input_responses or {}).get(_QUESTION)
    return said if isinstance(said, ElicitResult) else None


def _check(said: ElicitResult) -> None:
    if said.action == "cancel":
        raise ConfirmationDeclined(POLICY, _SAID_NOTHING)
    is_yes = said.content is None or said.content.get(_ANSWER) is True
    if said.action != "accept" or not is_yes:
        raise ConfirmationDeclined(POLICY, _SAID_NO)
