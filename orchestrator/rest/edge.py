"""Before any handler: whom REST answers, how large a request may be, and how many at a time."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from orchestrator.edge.rules import (
    BUSY,
    PROBES,
    RETRY_AFTER_S,
    Asked,
    HeaderLists,
    Refusal,
    Rules,
    head_refusal,
    target_refusal,
)
from orchestrator.edge.tls import HSTS
from orchestrator.rest.asker import ASKED
from orchestrator.rest.matched import is_stream
from orchestrator.rest.problems import SAFE, problem
from orchestrator.rest.seats import SEAT, NoSeatError, RequestSeat, Seats

_FOREIGN = {
    "Access-Control-Expose-Headers": "Location, Retry-After, ETag, Age, Cache-Status, Link, "
    "Idempotency-Replayed, Ringout-Double-Click, Preference-Applied, RateLimit, RateLimit-Policy, "
    "WWW-Authenticate",
}
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Prefer, "
    "If-None-Match, Cache-Control, Last-Event-ID",
    "Access-Control-Max-Age": "600",
}


class Edge:
    """What every request of one application passes first."""

    def __init__(self, rules: Rules | None = None, most: int = 2_000) -> None:
        """At most `most` requests are under way at the same time, besides event streams and those
        whose body is awaited."""
        self._rules = rules or Rules()
        self._seats = Seats(most)

    async def admitted(
        self, request: web.Request, answer: Callable[[], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """What `answer` gives, or the problem of a request that is not let in."""
        asked, refusal = self._judged(request)
        request[ASKED] = asked
        if refusal is not None:
            return _problem(refusal)
        if asked.foreign_origin is not None and _is_preflight(request):
            return web.Response(status=204, headers={**SAFE, **_PREFLIGHT})
        if request.path in PROBES or is_stream(request):
            return await answer()
        seat = request[SEAT] = RequestSeat(self._seats)
        try:
            seat.take()
            return await answer()
        except NoSeatError:
            return _problem(BUSY)
        finally:
            seat.leave()

    def _judged(self, request: web.Request) -> tuple[Asked, Refusal | None]:
        asked, refusal = self._rules.judged(
            request.remote or "",
            HeaderLists(
                request.headers.getall("Host", ()),
                request.headers.getall("Origin", ()),
                request.headers.getall("X-Forwarded-For", ()),
                request.headers.getall("X-Forwarded-Proto", ()),
            ),
            is_tls=request.secure,
        )
        path, _, query = request.raw_path.partition("?")
        large = head_refusal(len(path), len(query), request.raw_headers)
        odd = target_refusal(request.raw_path, request.headers.get("Host", ""))
        return asked, large or odd or (None if request.path in PROBES else refusal)

    async def dress(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Gives an answer the headers that depend on who asks; a signal of the application."""
        if self._rules.is_tls:
            response.headers["Strict-Transport-Security"] = HSTS
        asked = request.get(ASKED)
        if asked is not None and asked.foreign_origin is not None:
            response.headers["Access-Control-Allow-Origin"] = asked.foreign_origin
            response.headers.add("Vary", "Origin")
            response.headers.update(_FOREIGN)


def _is_preflight(request: web.Request) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def _problem(refusal: Refusal) -> web.Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if refusal is BUSY else {}
    response = problem(refusal.status, refusal.code, refusal.detail, headers=headers)
    if refusal.status == 400:
        response.force_close()
    return response
