"""What happens around every handler: errors become problems, and every answer is counted."""

import time
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from orchestrator.domain.errors import RingOutError
from orchestrator.rest.access import Access
from orchestrator.rest.edge import Edge
from orchestrator.rest.matched import template
from orchestrator.rest.metrics import UNMATCHED, Metrics
from orchestrator.rest.problems import SAFE, allow, problem_of, problem_of_http
from orchestrator.rest.waits import Waits

STREAM = "text/event-stream"


def around(metrics: Metrics, waits: Waits, edge: Edge, access: Access) -> Middleware:
    """The one middleware of the application."""

    @web.middleware
    async def answered(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.perf_counter()
        status, is_stream = 500, False
        metrics.in_flight.inc()
        try:
            response = await edge.admitted(
                request,
                partial(_answer, metrics, request, partial(access.admitted, handler=handler)),
            )
            status, is_stream = response.status, response.content_type == STREAM
        finally:
            metrics.in_flight.dec()
            seconds = None if is_stream else time.perf_counter() - began
            metrics.answered(template(request) or UNMATCHED, request.method, status, seconds)
        if waits.draining or status == 408:
            response.force_close()
        return response

    return answered


async def _answer(metrics: Metrics, request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except RingOutError as error:
        metrics.refused(error)
        return problem_of(error)
    except web.HTTPMethodNotAllowed as error:
        if request.method == "OPTIONS":
            return web.Response(status=204, headers={**SAFE, "Allow": allow(error)})
        return problem_of_http(error)
    except web.HTTPException as error:
        return problem_of_http(error)
