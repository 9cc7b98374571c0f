"""What a tool answers: the call, or what is wrong together with what to do next."""

import json
from math import ceil

from mcp.types import CallToolResult, TextContent

from orchestrator.domain import phones
from orchestrator.domain.errors import (
    CallNotFound,
    ConfirmationDeclined,
    ConfirmationRequired,
    IdempotencyKeyReused,
    InsufficientScope,
    InvalidRequest,
    RefusedByPolicy,
    Retryable,
    RingOutError,
    Unauthenticated,
    UpstreamRefused,
    VelocityExceeded,
)
from orchestrator.storage.records import Snapshot

MAKE = "make-ringout-call"
STATUS = "get-ringout-call-status"
CANCEL = "cancel-ringout-call"

_OTHER_KEY = (
    "For another call, use a new idempotencyKey; to get the call that the key made, repeat "
    f"{MAKE} with the arguments of that time."
)
_CHECK_ID = (
    f"Check ringoutId: it is the id in what {MAKE} returned, or RingCentral's own, and it goes "
    "with the accountId and extensionId of that call."
)
_NO_USE = (
    "Repeating the same request will not help: change what RingCentral objects to, or tell the "
    "person who runs this service."
)
_POLICY = (
    "Nothing was done, nobody is rung. This is a rule of this service: do not try to get around "
    "it, tell the person for whom the call was to be made."
)
_CANNOT_ASK = (
    "Nothing was done, nobody is rung. Tell the person for whom the call was to be made: they can "
    "make it themselves, or use a client that can ask them."
)
_DECLINED = (
    "Nothing was done, nobody is rung. Do not ask again for the same call unless the person wants "
    "it after all."
)
_TOO_MANY = (
    "Nothing was done, nobody is rung. Do not try again at once, nor by another way: there is room "
    "again in {seconds} s. Only then, and if the call is still wanted, call {tool} again."
)
_NO_RIGHT = (
    "Nothing was done. Repeating the same request will not help: tell the person who runs this "
    "service, who can give out a key with that scope, or ask the identity provider for it."
)
_NO_KEY = (
    "Nothing was done: the credentials of this connection serve no more. Tell the person who runs "
    "this service, who can give out others."
)
_STEPS: tuple[tuple[type[RingOutError], str], ...] = (
    (InvalidRequest, "Nothing was done. Correct what is named here and call {tool} again."),
    (IdempotencyKeyReused, _OTHER_KEY),
    (CallNotFound, _CHECK_ID),
    (UpstreamRefused, _NO_USE),
    (ConfirmationRequired, _CANNOT_ASK),
    (ConfirmationDeclined, _DECLINED),
    (RefusedByPolicy, _POLICY),
    (InsufficientScope, _NO_RIGHT),
    (Unauthenticated, _NO_KEY),
)
"""What to do about an error; any other is over by itself after a while."""


def shown(snapshot: Snapshot) -> CallToolResult:
    """The call, structured and as the same JSON in text."""
    text = snapshot.document.decode()
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=json.loads(text)
    )


def refusal(tool: str, error: RingOutError, *, has_key: bool = False) -> CallToolResult:
    """A tool error: the error's code, what is wrong, and what the agent should do next.

    `has_key` is whether the wish carried an idempotency key.
    """
    text = f"{error.code}: {said(error)} {_next(tool, error, has_key=has_key)}"
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def said(error: RingOutError) -> str:
    """What is wrong, with RingCentral's own code where it spoke and without phone numbers."""
    if isinstance(error, UpstreamRefused):
        spoke = phones.scrubbed(error.detail)
        return _sentence(f"RingCentral answered {error.http_status} {error.error_code}: {spoke}")
    if isinstance(error, VelocityExceeded):
        return _sentence(f"{error.policy}: {error.detail}")
    if isinstance(error, RefusedByPolicy):
        about = f"body.{error.field} " if error.field else ""
        return _sentence(f"{error.policy}: {about}{error.detail}")
    return _sentence(error.detail)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else text + "."


def _next(tool: str, error: RingOutError, *, has_key: bool) -> str:
    for kind, step in _STEPS:
        if isinstance(error, kind):
            return step.format(tool=tool)
    if isinstance(error, VelocityExceeded):
        return _TOO_MANY.format(tool=tool, seconds=max(1, ceil(error.retry_after)))
    if isinstance(error, Retryable):
        when = f"Wait {max(1, ceil(error.retry_after))} s, then"
    else:
        when = "Wait 5 s, then"
    return f"{when} call {tool} again{_repeated(tool, has_key=has_key)}"


def _repeated(tool: str, *, has_key: bool) -> str:
    if tool != MAKE:
        return " with the same ringoutId."
    if has_key:
        return (
            " with the same arguments and the same idempotencyKey: that cannot make a second call."
        )
    return (
        ". Without an idempotencyKey it cannot be ruled out that the call was written down and "
        "that a repeat makes a second one: give one from now on."
    )
