"""Before a handler runs: who asks is proved, and may ask here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web
from aiohttp.typedefs import Handler

from orchestrator.domain.access import HOUSE, Principal, Scope
from orchestrator.domain.errors import (
    IdentityUnavailable,
    StorageUnavailable,
    TooManyFailures,
    Unauthenticated,
)
from orchestrator.domain.tokens import Kind, Shown
from orchestrator.rest import notifications, oauth, sessions
from orchestrator.rest.asker import ASKER, PROVE_AGAIN, address_of, is_own_page
from orchestrator.rest.matched import is_stream, template
from orchestrator.rest.problems import problem
from orchestrator.service.gate import Gatekeeper, Proof
from orchestrator.service.shown import from_headers

PUBLIC = frozenset(
    {
        "/",
        "/docs",
        "/livez",
        "/openapi.json",
        "/problems/{code}",
        "/readyz",
        "/static/{file}",
        notifications.PATH,
        oauth.TOKEN,
        oauth.REVOKE,
    }
)
"""Paths, as the document spells them, for which nothing needs to be shown."""

PUBLIC_OPERATIONS = frozenset({("POST", sessions.PATH)})

NEEDS = (
    ("/v1/webhooks", Scope.WEBHOOKS),
    ("/v1/deliveries", Scope.WEBHOOKS),
    ("/v1/stats", Scope.OPS),
    ("/metrics", Scope.OPS),
)
"""What paths with these beginnings need; of calls, the service knows."""

_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
PROVE_AGAIN_S = 5.0
"""How often who has an event stream open has to prove it anew."""
_FOREIGN = "With a session's cookie, only pages of this origin may change anything."


class Access:
    """Proves who asks, with each request."""

    def __init__(self, gate: Gatekeeper) -> None:
        self._gate = gate

    async def admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What the handler answers to who may ask for it; a refusal of the domain's otherwise."""
        if request.method == "OPTIONS" or _is_public(request):
            return await handler(request)
        shown = shown_by(request)
        if await self._gate.is_open(shown):
            request[ASKER] = HOUSE
        elif _is_logout(request, shown):
            return await handler(request) if _is_from_us(request) else _forged()
        else:
            proof = await self._gate.proved(shown, address_of(request))
            if _is_forged(request, proof):
                return _forged()
            request[ASKER], request[sessions.PROOF] = proof.principal, proof
            _check_scope(request, proof.principal)

        async def prove_again() -> None:
            if not await self._gate.is_open(shown):
                await self._gate.proved(shown, address_of(request))

        request[PROVE_AGAIN] = prove_again
        if not is_stream(request):
            return await handler(request)
        async with self._watched(request):
            return await handler(request)

    @asynccontextmanager
    async def _watched(self, request: web.Request) -> AsyncIterator[None]:
        """Cuts the connection where what was shown does not serve any more, and where nothing was
        shown to a house that is not open any more."""
        watching = asyncio.create_task(self._watch(request))
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self, request: web.Request) -> None:
        while True:
            await asyncio.sleep(PROVE_AGAIN_S)
            try:
                await request[PROVE_AGAIN]()
            except (Unauthenticated, TooManyFailures, IdentityUnavailable):
                # What serves is known here from one proof to the next, whoever else fails there;
                # the provider's keys are missed only when they were out of reach for a day.
                break
            except StorageUnavailable:
                continue
        if request.transport is not None:
            request.transport.abort()


def shown_by(request: web.Request) -> Shown | None:
    """What a request shows: its Authorization, or else the console's cookie."""
    cookie = request.cookies.get(sessions.COOKIE)
    return from_headers(request.headers.getall("Authorization", ()), cookie)


def _is_public(request: web.Request) -> bool:
    path = template(request)
    path = "/static/{file}" if path.startswith("/static/") else path
    return path in PUBLIC or (request.method, path) in PUBLIC_OPERATIONS


def _is_forged(request: web.Request, proof: Proof) -> bool:
    """Whether another site may have made a browser send this with the cookie that it holds."""
    if proof.token is None or proof.token.kind is not Kind.SESSION:
        return False
    return request.method not in _SAFE_METHODS and not _is_from_us(request)


def _is_from_us(request: web.Request) -> bool:
    if "Origin" not in request.headers:
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    return is_own_page(request)


def _forged() -> web.Response:
    return problem(403, "origin_not_allowed", _FOREIGN)


def _is_logout(request: web.Request, shown: Shown | None) -> bool:
    """Whether a cookie is to be taken back: nothing needs to be proved for that, as its answer is
    the same whether the session serves or not."""
    is_close = (request.method, template(request)) == ("DELETE", sessions.PATH)
    return is_close and shown is not None and shown.is_session


def _check_scope(request: web.Request, asker: Principal) -> None:
    for path, scope in NEEDS:
        if request.path == path or request.path.startswith(f"{path}/"):
            asker.require(scope)
