"""Which of the application's paths a request has matched."""

from aiohttp import web

from orchestrator.rest import events
from orchestrator.rest.spellings import BOTH

_STREAMS = frozenset({events.PATH, *(spelling.one + events.SUFFIX for spelling in BOTH)})


def template(request: web.Request) -> str:
    """The path as the routes spell it; empty where there is no such route."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def is_stream(request: web.Request) -> bool:
    """Whether it asks for a stream of events, which stays open for long."""
    return request.method == "GET" and template(request) in _STREAMS
