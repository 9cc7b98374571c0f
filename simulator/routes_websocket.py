"""`GET /ws`: one WebSocket connection, and the requests made inside it.

A connection without a valid token gets an Error frame and close code 4400, which a client's
maintainers report (ringclaw/openclaw-ringcentral, pull request 150). A request inside the
connection is answered by a frame with its `messageId`, `type` ClientRequest, `status` and the
body REST would give; it is counted against the limits as its REST twin. Only subscriptions can
be asked for here. A second subscription takes the place of the first (subscribing.md).
A connection ends with WSG-902 when the client sent neither a message nor a ping frame for 30
minutes and with WSG-903 after 24 hours (heart-beats.md).
"""

import asyncio
import json
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

from simulator.exchange import WORLD, Exchange, Gate, for_extension
from simulator.faults import Parties
from simulator.gate import count, open_exchange
from simulator.gateway import Session
from simulator.refusals import Refusal, invalid, not_found
from simulator.subscribing import SCOPES, check_scope, wanted_filters, wanted_life
from simulator.subscriptions import MOST, WEBSOCKET_LIFE, Subscription

_COLLECTION = "/restapi/v1.0/subscription"
_NO_AUTHORIZATION = 4400
_GATES = {
    "POST": Gate("subscribe", "medium", for_extension),
    "GET": Gate("subscription", "light", for_extension),
    "PUT": Gate("resubscribe", "medium", for_extension),
    "DELETE": Gate("unsubscribe", "medium", for_extension),
}

Answered = tuple[int, object]


async def connect(request: web.Request) -> web.WebSocketResponse:
    """Serves one connection until it ends."""
    world = request.app[WORLD]
    ping = world.tuning.ws_ping
    socket = web.WebSocketResponse(heartbeat=ping or None, autoping=False)
    await socket.prepare(request)
    who = world.gateway.redeem(request.query.get("access_token", ""))
    wsc = request.query.get("wsc")
    if who is None:
        await _refused(socket, "WSG-401", "Authorization is not received", _NO_AUTHORIZATION)
    elif wsc is not None and not world.gateway.is_ours(wsc):
        await _refused(socket, "WSG-400", "Malformed WebSocket session context token", 1000)
    else:
        session = world.gateway.opened(who, wsc)
        session.request = request
        await _Connection(session, socket, request).serve()
    return socket


async def _refused(socket: web.WebSocketResponse, code: str, message: str, close: int) -> None:
    await socket.send_json([{"type": "Error"}, {"errorCode": code, "message": message}])
    await socket.close(code=close)


class _Connection:
    """One connection of a session."""

    def __init__(
        self, session: Session, socket: web.WebSocketResponse, request: web.Request
    ) -> None:
        self._session = session
        self._socket = socket
        self._request = request
        self._world = request.app[WORLD]
        self._idle: asyncio.TimerHandle | None = None

    async def serve(self) -> None:
        """Reads until the connection ends; what is sent goes its own way."""
        loop = asyncio.get_running_loop()
        writer = loop.create_task(self._session.write(self._socket))
        tuning = self._world.tuning
        absolute = loop.call_later(
            tuning.ws_absolute, self._session.fail, "WSG-903", "Absolute timeout expired"
        )
        self._active()
        try:
            async for message in self._socket:
                await self._received(message)
        finally:
            writer.cancel()
            absolute.cancel()
            if self._idle is not None:
                self._idle.cancel()
            self._world.gateway.disconnected(self._session, self._request)

    async def _received(self, message: WSMessage) -> None:
        if message.type is WSMsgType.PING:
            await self._socket.pong(message.data)
        if message.type in {WSMsgType.PING, WSMsgType.TEXT}:
            self._active()
        if message.type is WSMsgType.TEXT:
            self._heard(message.data)

    def _active(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(
            self._world.tuning.ws_idle, self._session.fail, "WSG-902", "Idle timeout expired"
        )

    def _heard(self, text: str) -> None:
        try:
            meta, *rest = json.loads(text)
            name, kind = str(meta["messageId"]), meta["type"]
        except (ValueError, TypeError, KeyError):
            self._session.put({"type": "Error", "status": 400}, _MALFORMED)
            return
        if kind == "Heartbeat":
            self._session.put({"type": "Heartbeat", "messageId": name})
        elif kind == "ClientRequest":
            self._asked(name, meta, rest[0] if rest else None)
        else:
            self._session.put({"type": "Error", "messageId": name, "status": 400}, _MALFORMED)

    def _asked(self, name: str, meta: dict[str, Any], body: object) -> None:
        gate = _GATES.get(str(meta.get("method")), _GATES["GET"])
        exchange = open_exchange(self._request, gate)
        exchange.identity = who = self._session.owner
        exchange.entry.extension = who.extension
        try:
            count(exchange, (who.extension, who.app, gate.group or ""))
            status, answer = self._answer(exchange, gate, meta, body)
        except Refusal as refusal:
            exchange.headers.update(refusal.headers)
            status, answer = refusal.status, refusal.body()
        exchange.entry.status = status
        self._world.journal.close(exchange.entry)
        frame = {"type": "ClientRequest", "messageId": name, "status": status}
        self._session.put(frame | {"headers": exchange.headers}, answer)

    def _answer(
        self, exchange: Exchange, gate: Gate, meta: dict[str, Any], body: object
    ) -> Answered:
        fault = self._world.faults.take(gate.name, Parties()) if self._world.faults else None
        if fault is not None and fault.kind == "status":
            response = fault.response(gate.name)
            return response.status, json.loads(response.text or "null")
        path = str(meta.get("path")).rstrip("/")
        head, _, wanted = path.rpartition("/")
        if path == _COLLECTION and meta.get("method") == "POST":
            return 200, self._subscribed(body).view(exchange.base)
        acts = {"GET": self._read, "PUT": self._changed, "DELETE": self._ended}
        act = acts.get(str(meta.get("method")))
        if head != _COLLECTION or act is None:
            raise Refusal(404, "CMN-120", "Invalid URI")
        one = self._session.subscription
        if one is None or one.id != wanted:
            raise not_found("subscriptionId")
        return act(one, exchange, body)

    def _subscribed(self, body: object) -> Subscription:
        if not isinstance(body, dict):
            raise invalid("body")
        session, world = self._session, self._world
        mode = body.get("deliveryMode")
        if not isinstance(mode, dict) or mode.get("transportType") != "WebSocket":
            raise invalid("deliveryMode.transportType")
        check_scope(session.owner, SCOPES["WebSocket"])
        wanted = wanted_filters(body, session.owner, world.tuning, WEBSOCKET_LIFE)
        book = world.notices.subscriptions
        if session.subscription is not None:
            book.remove(session.subscription)
        if len(book.owned_by(session.owner)) >= MOST:
            raise Refusal(403, "SUB-505", "Subscriptions limit exceeded")
        session.subscription = book.add(
            session.owner, session, wanted.filters, wanted.disabled, WEBSOCKET_LIFE
        )
        return session.subscription

    def _read(self, one: Subscription, exchange: Exchange, _body: object) -> Answered:
        return 200, one.view(exchange.base)

    def _changed(self, one: Subscription, exchange: Exchange, body: object) -> Answered:
        if isinstance(body, dict) and "eventFilters" in body:
            wanted_life(body, self._world.tuning)
            wanted = wanted_filters(body, self._session.owner, self._world.tuning, one.life)
            one.filters, one.disabled = wanted.filters, wanted.disabled
            self._world.notices.subscriptions.indexed()
        one.renew(WEBSOCKET_LIFE)
        return 200, one.view(exchange.base)

    def _ended(self, one: Subscription, _exchange: Exchange, _body: object) -> Answered:
        self._world.notices.subscriptions.remove(one)
        return 204, None


_MALFORMED = {"errorCode": "WSG-400", "message": "Malformed message"}
