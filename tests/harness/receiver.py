"""A receiver of webhooks: keeps what it got, and answers as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Got:
    """One request, as it came."""

    headers: dict[str, str]
    body: str
    path: str

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """The body, if it is signed with the secret; the library's own error where not."""
        return Webhook(secret).verify(self.body, self.headers)


Answer = Callable[[Got, web.Request], Awaitable[web.StreamResponse]]


def status(code: int, **headers: str) -> Answer:
    """Answers with a status."""

    async def answered(_: Got, __: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, headers=named)

    return answered


@dataclass
class Receiver:
    """`got` are all requests in the order in which they came; `answer` is used for those to come;
    `first` are answers for the next ones, one each."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answer: Answer = field(default_factory=lambda: status(204))
    first: list[Answer] = field(default_factory=list)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        got = Got(headers, (await request.read()).decode(), request.path)
        self.got.append(got)
        answer = self.first.pop(0) if self.first else self.answer
        return await answer(got, request)

    async def hang(self, _: Got, __: web.Request) -> web.StreamResponse:
        """An answer that does not come before `let_go` is set."""
        await self.let_go.wait()
        return web.Response(status=204)

    def of(self, call_id: str) -> list[Got]:
        """What came about one call."""
        return [one for one in self.got if one.json["data"].get("id") == call_id]

    def types(self, call_id: str) -> list[str]:
        """The events of one call, in the order in which they came."""
        return [one.json["type"] for one in self.of(call_id)]


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        yield receiver
    finally:
        receiver.let_go.set()
        await runner.cleanup()
