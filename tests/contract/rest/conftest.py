"""A REST front end on a real port, each of whose answers is held to the OpenAPI document."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from orchestrator.domain import calls
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.status import Reading
from orchestrator.edge.door import Door
from orchestrator.rest.app import WAITS, build
from orchestrator.rest.server import Runner
from orchestrator.rest.waits import Waits
from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.settings import Settings, load
from tests.contract.rest.documented import Answer, Documented
from tests.harness.processes import LENIENT
from tests.harness.redis import free_port
from tests.harness.waiting import wait_until

PATHS = (
    "/v1/restapi/v1-0/account/~/extension/~/ring-out",
    "/restapi/v1.0/account/~/extension/~/ring-out",
)
BODY = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
OFTEN = {name: LENIENT[name] for name in ("RINGOUT_VELOCITY_CALLEE", "RINGOUT_DOUBLE_CLICK")}
TRYING = Reading("InProgress", "InProgress", "InProgress")
TALKING = Reading("Success", "Success", "Success")
HUNG_UP = Reading("Success", "Finished", "Finished")


class Rest:
    """A running front end; `ask` answers what a client gets."""

    def __init__(
        self, front: FrontEnd, app: web.Application, url: str, session: aiohttp.ClientSession
    ) -> None:
        self.front, self.app, self.url = front, app, url
        self.documented = Documented()
        self.door = Door()
        self._session = session

    @property
    def waits(self) -> Waits:
        """The requests that are held."""
        return self.app[WAITS]

    async def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request; the answer is checked against the document."""
        target = URL(self.url + path, encoded=True)
        async with self._session.request(method, target, **options) as response:
            answer = Answer(response.status, response.headers, await response.read())
        self.documented.check(method, target.raw_path, answer)
        return answer

    async def place(self, body: Any = BODY, path: str = PATHS[0], **headers: str) -> Answer:
        """Places a call."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.ask("POST", path, json=body, headers=named)

    async def placed(self, **changes: Any) -> str:
        """The id of a new call."""
        answer = await self.place({**BODY, **changes})
        assert answer.status == 202, answer
        return str(answer.json["id"])

    async def change(self, call_id: str, decide: Callable[[Call], Change | None]) -> None:
        """Changes a call as a worker would."""
        written = await self.front.backend.store.change(call_id, decide)
        assert written.applied

    async def ring(self, call_id: str, ringout_id: str = "s-1", reading: Reading = TRYING) -> None:
        """RingCentral has been asked and has answered."""
        await self.take(call_id)
        await self.change(
            call_id, lambda call: calls.placed(call, now(), "fence", ringout_id, reading)
        )

    async def take(self, call_id: str) -> None:
        """A worker asks RingCentral."""
        await self.change(call_id, lambda call: calls.placing(call, now(), "fence"))

    async def see(self, call_id: str, reading: Reading) -> None:
        """A worker has looked at the call."""
        await self.change(call_id, lambda call: calls.observed(call, reading, now(), now()))

    @asynccontextmanager
    async def held(
        self, method: str, path: str, **options: Any
    ) -> AsyncIterator[asyncio.Task[Answer]]:
        """A request that is held by now; it is awaited at the end, and must end soon."""
        held = self.waits
        before = held.count
        task = asyncio.create_task(self.ask(method, path, **options))
        await wait_until(lambda: held.count > before or task.done())
        assert not task.done(), task.result()
        yield task
        async with asyncio.timeout(5):
            await task


@asynccontextmanager
async def started(
    settings: Settings, *more: web.AbstractRouteDef, door: Door | None = None, **built: Any
) -> AsyncIterator[Rest]:
    """A front end with these settings, and perhaps `more` routes; `built` is for `build`."""
    async with front_end(settings, settings.rest_host) as front, aiohttp.ClientSession() as session:
        app = build(front, **built)
        app.router.add_routes(more)
        runner = Runner(app, door)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        try:
            running = Rest(front, app, f"http://127.0.0.1:{port}", session)
            running.door = runner.door
            yield running
        finally:
            app[WAITS].drain()
            await session.close()
            await runner.cleanup()


FAILURES = 5
"""So many attempts a minute may fail where others reach the house."""


@pytest.fixture
def alone(redis_url: str) -> Settings:
    """Settings with a RingCentral that nobody listens for."""
    return load(
        {
            **OFTEN,
            "REDIS_URL": redis_url,
            "RINGCENTRAL_API_KEY": "a-key",
            "RC_SERVER_URL": f"http://127.0.0.1:{free_port()}",
        }
    )


@pytest.fixture
async def closed(alone: Settings) -> AsyncIterator[Rest]:
    """A front end that others reach, where five attempts a minute may fail."""
    reached = {"rest_host": "0.0.0.0", "auth_failures": FAILURES}  # noqa: S104
    async with started(alone.model_copy(update=reached)) as running:
        yield running


@pytest.fixture
async def rest(alone: Settings) -> AsyncIterator[Rest]:
    """A front end whose RingCentral is away."""
    async with started(alone) as running:
        yield running
