"""Who asks: put beside an HTTP request before the SDK sees it, and found again by a tool."""

from typing import Any

from mcp.server.mcpserver import Context
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator.domain.access import HOUSE, Principal

_ASKER = "ringout.asker"


class Asked:
    """Notes who asks with each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[_ASKER] = HOUSE
        await self._app(scope, receive, send)


def asker_of(context: Context[Any, Any]) -> Principal:
    """Whom the credentials of the request under way name."""
    request = context.request_context.request
    if request is None:
        raise LookupError("a tool is run without an HTTP request")
    asker: Principal = request.scope[_ASKER]
    return asker
