"""Who asks: put beside an HTTP request before the SDK sees it, and found again by a tool."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.context import ServerRequestContext
from mcp.server.mcpserver import Context
from starlette.authentication import AuthCredentials
from starlette.types import Scope

from orchestrator.domain.access import HOUSE_OWNER, Principal

_NOT_KEPT = ""
_ASKER = "ringout.asker"


@dataclass(frozen=True, slots=True)
class Admission:
    """Who was let in; `again` proves it once more by the same credentials and raises as the first
    time, for what stays open longer than credentials may last."""

    asker: Principal
    again: Callable[[], Awaitable[Principal]]


def note(scope: Scope, admission: Admission) -> None:
    """Puts it beside the request, also as the SDK looks for it, which binds sessions to it."""
    scope[_ASKER] = admission
    owner = admission.asker.owner
    if owner != HOUSE_OWNER:
        scopes = sorted(admission.asker.scopes)
        token = AccessToken(token=_NOT_KEPT, client_id=owner, subject=owner, scopes=scopes)
        scope["user"] = AuthenticatedUser(token)
        scope["auth"] = AuthCredentials(scopes)


def asker_of(context: Context[Any, Any]) -> Principal:
    """Whom the credentials of the request under way name."""
    return admission_of(context.request_context).asker


def owner_of(context: ServerRequestContext[Any, Any]) -> str:
    """Whose the request under way is: what clients hold for us is bound to it."""
    return admission_of(context).asker.owner


def admission_of(context: ServerRequestContext[Any, Any]) -> Admission:
    """How who asks was let in."""
    if context.request is None:
        raise LookupError("a tool is run without an HTTP request")
    admission: Admission = context.request.scope[_ASKER]
    return admission
