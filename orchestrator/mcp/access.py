"""Who may ask MCP anything, and how a client learns where tokens for it are to be had.

MCP is an OAuth resource server: without valid credentials the answer is 401 and names the
document (RFC 9728) that names the identity provider.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Request

from orchestrator.domain.access import HOUSE, Principal, Scope
from orchestrator.domain.errors import (
    InsufficientScope,
    Retryable,
    RingOutError,
    TooManyFailures,
    Unauthenticated,
)
from orchestrator.domain.tokens import Shown
from orchestrator.mcp.asker import Admission, note
from orchestrator.mcp.edge import address_of_scope
from orchestrator.service.gate import Gatekeeper

METADATA = "/.well-known/oauth-protected-resource"
METRICS = "/metrics"
_SCOPES = (Scope.CREATE, Scope.READ, Scope.CANCEL)
"""What the tools need; a client that is not told to ask for less asks for all of these."""


@dataclass(frozen=True, slots=True)
class Resource:
    """MCP as its clients know it: by its origin and path, and by who gives tokens for it."""

    origin: str
    path: str
    issuer: str = ""

    @property
    def paths(self) -> tuple[str, str]:
        """Where its document is."""
        return METADATA, METADATA + self.path

    def document(self) -> dict[str, object]:
        """Its metadata as RFC 9728 has it."""
        return {
            "resource": self.origin + self.path,
            **({"authorization_servers": [self.issuer]} if self.issuer else {}),
            "scopes_supported": list(_SCOPES),
            "bearer_methods_supported": ["header"],
            "resource_name": "RingOut",
        }

    def challenge(self, error: str = "", scopes: tuple[Scope, ...] = _SCOPES) -> str:
        """The value of WWW-Authenticate; `error` only where something was shown (RFC 6750)."""
        parts = {
            "resource_metadata": self.origin + METADATA + self.path,
            **({"error": error} if error else {}),
            "scope": " ".join(scopes),
        }
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items())


class Guard:
    """Lets nobody further who has not proved who asks; the resource's document is for everyone."""

    def __init__(self, gate: Gatekeeper, resource: Resource) -> None:
        self._gate = gate
        self._resource = resource

    async def admits(self, scope: Request, receive: Receive, send: Send) -> bool:
        """Whether the request may go on, noted with who asks; else it is answered."""
        if scope["path"] in self._resource.paths and scope["method"] in ("GET", "HEAD"):
            text = json.dumps(self._resource.document())
            await Response(text, media_type="application/json")(scope, receive, send)
            return False
        shown = _shown(Headers(scope=scope).getlist("authorization"))
        address = address_of_scope(scope)

        async def prove() -> Principal:
            return await self._proved(shown, address)

        try:
            asker = await prove()
            if scope["path"] == METRICS:
                asker.require(Scope.OPS)
        except RingOutError as error:
            await self._refusal(error)(scope, receive, send)
            return False
        note(scope, Admission(asker, prove))
        return True

    async def _proved(self, shown: Shown | None, address: str) -> Principal:
        if await self._gate.is_open(shown):
            return HOUSE
        return await self._gate.admitted(shown, address)

    def _refusal(self, error: RingOutError) -> Response:
        word, status, headers = error.code, 503, dict[str, str]()
        match error:
            case Unauthenticated():
                word = "invalid_token" if error.was_shown else error.code
                told = word if error.was_shown else ""
                status, headers = 401, {"WWW-Authenticate": self._resource.challenge(told)}
            case InsufficientScope():
                needed = (Scope(error.scope),)
                told = self._resource.challenge(error.code, needed)
                status, headers = 403, {"WWW-Authenticate": told}
            case Retryable():
                status = 429 if isinstance(error, TooManyFailures) else 503
                headers = {"Retry-After": str(max(1, ceil(error.retry_after)))}
        return _answer(status, {"error": word, "error_description": error.detail}, headers)


def _shown(authorizations: list[str]) -> Shown | None:
    """What the Authorization headers show; None: nothing."""
    if not authorizations:
        return None
    scheme, _, token = authorizations[0].partition(" ")
    is_one = len(authorizations) == 1 and scheme.lower() == "bearer"
    return Shown(token.strip() if is_one else "")


def _answer(status: int, body: Mapping[str, str], headers: Mapping[str, str]) -> Response:
    safe = {"Cache-Control": "no-store", "Content-Type": "application/json", **headers}
    return Response(json.dumps(body), status_code=status, headers=safe)
