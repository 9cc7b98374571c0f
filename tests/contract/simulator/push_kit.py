"""What the tests of subscriptions share: a webhook that records, and a WebSocket client."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from tests.contract.simulator.simulator_kit import ACCOUNT, EXTENSION, Answer, Box
from tests.harness.waiting import wait_until

PATIENCE = 10.0
"""Seconds after which a test fails instead of waiting on."""
SUBSCRIPTION = "/restapi/v1.0/subscription"
SESSIONS = f"{EXTENSION}/telephony/sessions"
ALL_SESSIONS = f"{ACCOUNT}/telephony/sessions"
PRESENCE = f"{EXTENSION}/presence?detailedTelephonyState=true"
FOREVER = "+16505550126"
BUSY = "+16505550110"
SCOPE = "RingOut ReadPresence CallControl SubscriptionWebhook WebSocketsSubscription"

Seen = tuple[int, list[str]]
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def echo(request: web.Request) -> web.StreamResponse:
    """The right answer to a handshake, and to an event."""
    headers = {}
    if "Validation-Token" in request.headers:
        headers["Validation-Token"] = request.headers["Validation-Token"]
    return web.Response(headers=headers, content_type="application/json")


async def unavailable(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=503, content_type="application/json")


async def hang_but_for_handshakes(request: web.Request) -> web.StreamResponse:
    if "Validation-Token" not in request.headers:
        await request.read()
        await asyncio.Event().wait()
    return await echo(request)


@dataclass
class Hook:
    """A webhook: its address, how it answers, and what it was told."""

    url: str = ""
    reply: Reply = echo
    events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    headers: list[dict[str, str]] = field(default_factory=list)
    handshakes: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if "Validation-Token" in request.headers:
            self.handshakes += 1
        else:
            self.headers.append(dict(request.headers))
            self.events.put_nowait(await request.json())
        return await self.reply(request)

    async def next(self) -> dict[str, Any]:
        """The next event."""
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def several(self, count: int) -> list[dict[str, Any]]:
        """The next events."""
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def hook() -> AsyncIterator[Hook]:
    """A webhook on a free port."""
    one = Hook()
    app = web.Application()
    app.router.add_post("/hook", one.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        one.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield one
    finally:
        await runner.cleanup()


async def subscribe(
    api: Box, hook: Hook | str, *filters: str, token: str | None = None, **more: Any
) -> Answer:
    """Asks for a webhook's subscription, to the extension's sessions unless told otherwise."""
    mode: dict[str, Any] = {
        "transportType": "WebHook",
        "address": hook if isinstance(hook, str) else hook.url,
    }
    if token is not None:
        mode["verificationToken"] = token
    body = {"eventFilters": list(filters or (SESSIONS,)), "deliveryMode": mode, **more}
    return await api.ask("POST", SUBSCRIPTION, json=body)


async def subscribed(api: Box, hook: Hook, *filters: str, **more: Any) -> str:
    """The id of a subscription that was made."""
    answer = await subscribe(api, hook, *filters, **more)
    assert answer.status == 200, answer
    return str(answer.json["id"])


def seen(event: dict[str, Any]) -> Seen:
    """The sequence of an event, and its parties' statuses."""
    body = event["body"]
    return body["sequence"], [one["status"]["code"] for one in body["parties"]]


async def told_of_all(api: Box, told: Hook, steps: tuple[float, ...]) -> list[dict[str, Any]]:
    """One event for each step of the clock."""
    events = []
    for seconds in steps:
        await api.advance(seconds)
        events.append(await told.next())
    return events


async def counts(api: Box) -> dict[str, Any]:
    """The counts of the first subscription."""
    first: dict[str, Any] = (await api.get("/__sim/subscriptions")).json["subscriptions"][0]
    return first


async def settled(api: Box, told: int) -> dict[str, Any]:
    """The counts once so many events were made, and all that was not lost was delivered."""

    async def done() -> dict[str, Any] | None:
        now = await counts(api)
        return now if now["sent"] == told and now["delivered"] + now["lost"] >= told else None

    answer: dict[str, Any] = await wait_until(done)
    return answer


class Socket:
    """One WebSocket connection."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.asked = 0

    async def frame(self) -> tuple[dict[str, Any], Any]:
        """The next frame: its meta and its body, None where it has none."""
        message = await self.socket.receive(PATIENCE)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        meta, *rest = json.loads(message.data)
        return meta, rest[0] if rest else None

    async def event(self) -> dict[str, Any]:
        meta, body = await self.frame()
        assert meta["type"] == "ServerNotification", meta
        assert isinstance(body, dict)
        return body

    async def ask(self, method: str, path: str, *body: Any) -> tuple[dict[str, Any], Any]:
        """The answer to a request inside the connection; nothing else may come before."""
        self.asked += 1
        name = f"request-{self.asked}"
        meta = {"type": "ClientRequest", "messageId": name, "method": method, "path": path}
        await self.socket.send_json([meta, *body])
        answer = await self.frame()
        assert answer[0]["messageId"] == name, answer
        assert answer[0]["type"] == "ClientRequest", answer
        return answer

    async def subscribe(self, *filters: str) -> tuple[dict[str, Any], Any]:
        body = {
            "eventFilters": list(filters or (SESSIONS,)),
            "deliveryMode": {"transportType": "WebSocket"},
        }
        return await self.ask("POST", SUBSCRIPTION, body)

    async def ended(self) -> int:
        """The close code, once no frame comes any more; 1006 where there was none."""
        message = await self.socket.receive(PATIENCE)
        assert message.type in {
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.CLOSING,
            aiohttp.WSMsgType.ERROR,
        }, message
        return self.socket.close_code or 1006


async def websocket_token(api: Box) -> dict[str, Any]:
    answer = await api.ask("POST", "/restapi/oauth/wstoken")
    assert answer.status == 200, answer
    token: dict[str, Any] = answer.json
    return token


@asynccontextmanager
async def connected(
    api: Box, *, token: str | None = None, wsc: str | None = None, **more: Any
) -> AsyncIterator[Socket]:
    """A connection, nothing read from it yet."""
    given = await websocket_token(api)
    query = {"access_token": given["ws_access_token"] if token is None else token}
    if wsc is not None:
        query["wsc"] = wsc
    async with api.http.ws_connect(given["uri"], params=query, **more) as socket:
        yield Socket(socket)


@asynccontextmanager
async def greeted(api: Box, **more: Any) -> AsyncIterator[tuple[Socket, str]]:
    """A connection past its ConnectionDetails, and its `wsc` token."""
    async with connected(api, **more) as socket:
        meta, _ = await socket.frame()
        assert meta["type"] == "ConnectionDetails", meta
        yield socket, meta["wsc"]["token"]
