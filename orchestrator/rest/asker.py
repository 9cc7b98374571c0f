"""Who asks: put beside a request before its handler runs."""

from aiohttp import web

from orchestrator.domain.access import Principal

ASKER = web.RequestKey("asker", Principal)


def asker_of(request: web.Request) -> Principal:
    """Whom the request's credentials name."""
    return request[ASKER]
