"""Whether the process lives, whether it can take work, and what it has counted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from orchestrator.rest.answers import json_answer
from orchestrator.rest.metrics import Metrics
from orchestrator.rest.problems import SAFE, problem
from orchestrator.rest.waits import Waits


@dataclass(frozen=True, slots=True)
class HealthRoutes:
    """The handlers for probes and scrapers; `is_storage_alive` asks Redis."""

    is_storage_alive: Callable[[], Awaitable[bool]]
    waits: Waits
    metrics: Metrics

    async def live(self, _: web.Request) -> web.Response:
        """200 as long as the loop turns."""
        return json_answer(b'{"status":"alive"}')

    async def ready(self, _: web.Request) -> web.Response:
        """200 where calls can be taken; 503 where Redis is away or the process is ending."""
        if self.waits.draining:
            return self._not_ready("The process is ending; ask another.")
        if not await self.is_storage_alive():
            return self._not_ready("Redis does not answer.")
        return json_answer(b'{"status":"ready"}')

    async def scrape(self, request: web.Request) -> web.Response:
        """The metrics, in the format that Prometheus asks for."""
        body, kind = self.metrics.exposition(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={**SAFE, "Content-Type": kind})

    def _not_ready(self, detail: str) -> web.Response:
        return problem(503, "not_ready", detail, headers={"Retry-After": "1"})
