"""Which handler answers at which path."""

from collections.abc import Sequence

from aiohttp import web

from orchestrator.rest import docs, health, listing, openapi, pages
from orchestrator.rest.calls import CallRoutes
from orchestrator.rest.metrics import Metrics
from orchestrator.rest.pages import (
    CONSOLE_POLICY,
    HTML,
    READING_POLICY,
    STATIC,
    Prepared,
    page,
    static,
)
from orchestrator.rest.spellings import BOTH
from orchestrator.rest.waits import Waits
from orchestrator.runtime import FrontEnd


def table(parts: FrontEnd, waits: Waits, metrics: Metrics) -> Sequence[web.AbstractRouteDef]:
    """Every route of the application."""
    return [*_calls(parts, waits), *_probes(parts, waits, metrics), *_pages()]


def _calls(parts: FrontEnd, waits: Waits) -> list[web.AbstractRouteDef]:
    routes: list[web.AbstractRouteDef] = []
    for spelling in BOTH:
        handlers = CallRoutes(spelling, parts.service, waits)
        routes += [
            web.post(spelling.many, handlers.create),
            web.get(spelling.one, handlers.read),
            web.delete(spelling.one, handlers.delete),
        ]
    return [*routes, web.get(listing.PATH, listing.ListRoute(parts.service).read)]


def _probes(parts: FrontEnd, waits: Waits, metrics: Metrics) -> list[web.AbstractRouteDef]:
    probes = health.HealthRoutes(parts.backend.is_alive, waits, metrics)
    return [
        web.get("/livez", probes.live),
        web.get("/readyz", probes.ready),
        web.get("/metrics", probes.scrape),
    ]


def _pages() -> list[web.AbstractRouteDef]:
    document = openapi.document()
    prepared = {
        "/": Prepared(static("console.html"), HTML, CONSOLE_POLICY),
        "/docs": Prepared(docs.rendered(document), HTML, READING_POLICY),
        "/openapi.json": Prepared(openapi.encoded(document), "application/json"),
        **{f"/static/{name}": Prepared(static(name), kind) for name, kind in STATIC.items()},
    }
    routes: list[web.AbstractRouteDef] = [
        web.get(path, page(one)) for path, one in prepared.items()
    ]
    return [*routes, web.get("/problems/{code}", pages.explain)]
