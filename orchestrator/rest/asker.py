"""Who asks: put beside a request before its handler runs."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from orchestrator.domain.access import Principal
from orchestrator.edge.addresses import origin_of
from orchestrator.edge.rules import Asked

ASKER = web.RequestKey("asker", Principal)
ASKED = web.RequestKey("asked", Asked)
PROVE_AGAIN: web.RequestKey[Callable[[], Awaitable[None]]] = web.RequestKey("prove_again")
"""Proves once more who asks, by the same credentials; raises as the first time. Where nobody has
to be proved, it is not there."""


def asker_of(request: web.Request) -> Principal:
    """Whom the request's credentials name."""
    return request[ASKER]


def address_of(request: web.Request) -> str:
    """The address of who asks, which a trusted proxy may have told."""
    return request[ASKED].address


def is_https(request: web.Request) -> bool:
    """Whether the client speaks TLS, with us or with a trusted proxy."""
    return request[ASKED].is_https


def is_own_page(request: web.Request) -> bool:
    """Whether a page of our own asks, by its Origin header."""
    return origin_of(request.headers.get("Origin", "")) in request[ASKED].own_origins


def is_secure(request: web.Request) -> bool:
    """Whether a browser asks over TLS: with us, with a trusted proxy, or, where a page of our own
    asks that has an https origin, with whatever stands before us."""
    is_https_page = request.headers.get("Origin", "").lower().startswith("https://")
    return is_https(request) or (is_https_page and is_own_page(request))
