"""Which handler answers at which path."""

from collections.abc import Sequence
from functools import partial

from aiohttp import web

from orchestrator.rest import (
    console,
    docs,
    events,
    health,
    listing,
    notifications,
    oauth,
    openapi,
    pages,
    sessions,
)
from orchestrator.rest.calls import CallRoutes
from orchestrator.rest.events import EventRoutes
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
from orchestrator.rest.pause import PauseRoutes
from orchestrator.rest.remembered import RememberedRoutes
from orchestrator.rest.spellings import BOTH
from orchestrator.rest.streams import Streams
from orchestrator.rest.waits import Waits
from orchestrator.rest.webhooks import WebhookRoutes
from orchestrator.runtime import FrontEnd
from orchestrator.service.logins import Logins
from orchestrator.service.pausing import Pausing
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.events import EventLog
from orchestrator.storage.evidence import EvidenceBook
from orchestrator.storage.following import Follower
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.stats import Stats
from orchestrator.storage.timelines import Timelines


def table(
    parts: FrontEnd, waits: Waits, metrics: Metrics, streams: Streams
) -> Sequence[web.AbstractRouteDef]:
    """Every route of the application."""
    return [
        *_calls(parts, waits),
        *_events(parts, waits, streams),
        *WebhookRoutes(parts.webhooks).table(),
        *_notifications(parts),
        *_pausing(parts),
        *RememberedRoutes(parts.forgetter).table(),
        *_probes(parts, waits, metrics),
        *_console(parts),
        *_access(parts),
        *_pages(),
    ]


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


def _console(parts: FrontEnd) -> list[web.AbstractRouteDef]:
    commands = parts.backend.commands
    timelines = Timelines(EventLog(commands), EvidenceBook(commands))
    routes = console.ConsoleRoutes(parts.service, Stats(commands), timelines)
    return [
        web.get(console.STATS, routes.read_stats),
        web.get(console.TIMELINE, routes.read_timeline),
    ]


def _events(parts: FrontEnd, waits: Waits, streams: Streams) -> list[web.AbstractRouteDef]:
    log = EventLog(parts.backend.commands)
    follower = Follower(parts.service.feed, log, streams.heartbeat)
    handlers = EventRoutes(parts.service, follower, streams, waits)
    one = {spelling.one + events.SUFFIX: partial(handlers.one, spelling) for spelling in BOTH}
    return [
        web.get(events.PATH, handlers.all, allow_head=False),
        *(web.get(path, handler, allow_head=False) for path, handler in one.items()),
    ]


def _notifications(parts: FrontEnd) -> list[web.AbstractRouteDef]:
    routes = notifications.NotificationRoutes(parts.hears, parts.metrics.notified)
    return [web.post(notifications.PATH, routes.hear)]


def _pausing(parts: FrontEnd) -> list[web.AbstractRouteDef]:
    commands, clock = parts.backend.commands, parts.service.clock
    pausing = Pausing(Pauses(commands), ApiKeys(commands, clock), parts.webhooks.audit, clock)
    return PauseRoutes(pausing).table()


def _access(parts: FrontEnd) -> list[web.AbstractRouteDef]:
    logins = Logins(parts.gate)
    routes, tokens = sessions.SessionRoutes(logins), oauth.OAuthRoutes(logins)
    return [
        web.post(sessions.PATH, routes.open),
        web.get(sessions.PATH, routes.read),
        web.delete(sessions.PATH, routes.close),
        web.post(oauth.TOKEN, tokens.token),
        web.post(oauth.REVOKE, tokens.revoke),
    ]


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
