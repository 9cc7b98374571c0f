"""The WebSocket side: who may connect, what a lost connection leaves behind, and its recovery.

    wstoken     single use, for 30 s                        websockets/subscribing.md
    details     limits in the first frame                   websocket code sample connection-details
    recovery    within 180 s by the `wsc` token: the        websockets/session-recovery.md
                subscription goes on, and the last 100
                events that were missed are sent
    failed      WSG-1005 without a subscription, WSG-1003   tylerlong/rc-ws-recover-test
                from another login, WSG-400 and the end
                for a token that is none
    too late    fails; the code WSG-1002 is a guess         (documented nowhere)

The files are those of ringcentral-api-docs, docs/notifications/. A frame is the text of a JSON
array, `[meta]` or `[meta, body]`; ringcentral-extensible, packages/extensions/ws/src/types.ts
has the fields of meta.
"""

import asyncio
import contextlib
import json
import secrets
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import web

from simulator.auth import Identity
from simulator.push_tuning import PushTuning
from simulator.subscriptions import Event, Subscription, Subscriptions

_MARK = "RTF"
"""How our tokens begin, so that another's can be told."""
_NOTIFICATION = "ServerNotification"


class Session:
    """A WebSocket session: it outlives its connection for as long as it can be recovered."""

    def __init__(self, owner: Identity, tuning: Callable[[], PushTuning]) -> None:
        self.owner = owner
        self.token = _MARK + secrets.token_urlsafe(24)
        self.subscription: Subscription | None = None
        self.request: web.Request | None = None
        """The upgrade of the connection there is now."""
        self.expiry: asyncio.TimerHandle | None = None
        """Ends the session for good, while it has no connection."""
        self._tuning = tuning
        self._frames: deque[tuple[str, str] | int] = deque()
        self._ready = asyncio.Event()

    @property
    def mode(self) -> dict[str, Any]:
        return {"transportType": "WebSocket", "encryption": False}

    def send(self, event: Event) -> None:
        """Queues an event; without a connection only the last ones are kept."""
        meta = {"type": _NOTIFICATION, "messageId": event["uuid"], "status": 200}
        self.put(meta | {"headers": {"RCRequestId": str(uuid.uuid4())}}, event)
        if self.request is None:
            self._trim()

    def close(self) -> None:
        """The subscription has ended; the connection goes on."""
        self.subscription = None
        self._keep(lambda kind: kind != _NOTIFICATION)

    def put(self, meta: dict[str, Any], body: object = None) -> None:
        """Queues a frame."""
        frame = [meta] if body is None else [meta, body]
        self._frames.append((meta["type"], json.dumps(frame)))
        self._ready.set()

    def finish(self, code: int) -> None:
        """Closes the connection once all that is queued has been sent."""
        self._frames.append(code)
        self._ready.set()

    def fail(self, code: str, message: str, close_code: int = 1000) -> None:
        """Sends an Error frame, then closes."""
        meta = {"type": "Error", "messageId": str(uuid.uuid4()), "status": 400}
        self.put(meta, {"errorCode": code, "message": message})
        self.finish(close_code)

    async def write(self, socket: web.WebSocketResponse) -> None:
        """Sends what is queued, until the connection ends; its reader sees that it did."""
        with contextlib.suppress(ConnectionError):
            await self._write(socket)

    async def _write(self, socket: web.WebSocketResponse) -> None:
        while True:
            while self._frames:
                frame = self._frames[0]
                if isinstance(frame, int):
                    self._frames.popleft()
                    await socket.close(code=frame)
                    return
                await socket.send_str(frame[1])
                self._frames.popleft()
                if frame[0] == _NOTIFICATION and self.subscription is not None:
                    self.subscription.delivered += 1
            self._ready.clear()
            await self._ready.wait()

    def lost(self) -> None:
        """The connection is gone: only notifications are kept, and no more than fit."""
        self.request = None
        self._keep(lambda kind: kind == _NOTIFICATION)
        self._trim()

    def greet(self, recovery: dict[str, str]) -> None:
        """Puts ConnectionDetails before all else."""
        tuning = self._tuning()
        name = str(uuid.uuid4())
        meta = {
            "type": "ConnectionDetails",
            "messageId": name,
            "status": 200,
            "wsc": {"token": self.token, "sequence": 1},
            "headers": {"RCRequestId": name},
        }
        body = {
            "creationTime": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime()),
            "maxConnectionsPerSession": 50,
            "recoveryBufferSize": tuning.ws_recovery_buffer,
            "recoveryTimeout": int(tuning.ws_recovery),
            "idleTimeout": int(tuning.ws_idle),
            "absoluteTimeout": int(tuning.ws_absolute),
            "maxActiveRequests": 10,
        }
        self._frames.appendleft(("ConnectionDetails", json.dumps([meta, body | recovery])))
        self._ready.set()

    def renamed(self) -> None:
        """A new `wsc` token, as each connection has."""
        self.token = _MARK + secrets.token_urlsafe(24)

    def _trim(self) -> None:
        while len(self._frames) > self._tuning().ws_recovery_buffer:
            self._frames.popleft()

    def _keep(self, wanted: Callable[[str], bool]) -> None:
        kept = [one for one in self._frames if not isinstance(one, int) and wanted(one[0])]
        self._frames = deque(kept)


class Gateway:
    """All WebSocket sessions, connected or not."""

    def __init__(self, tuning: Callable[[], PushTuning], subscriptions: Subscriptions) -> None:
        self._tuning = tuning
        self._subscriptions = subscriptions
        self._tokens: dict[str, tuple[Identity, float]] = {}
        self._sessions: dict[str, Session] = {}

    def token_for(self, who: Identity, life: float) -> str:
        """A token that opens one connection."""
        now = time.monotonic()
        self._tokens = {one: held for one, held in self._tokens.items() if held[1] > now}
        token = secrets.token_urlsafe(24)
        self._tokens[token] = who, now + life
        return token

    def redeem(self, token: str) -> Identity | None:
        """Who a token was given to, once."""
        who, until = self._tokens.pop(token, (None, 0.0))
        return who if time.monotonic() < until else None

    def opened(self, who: Identity, wsc: str | None) -> Session:
        """The session of a new connection: a new one, or the one `wsc` recovers; greeted."""
        if wsc is None:
            return self._new(who, {})
        old = self._sessions.get(wsc)
        failure = self._failure(old, who)
        if old is None or failure is not None:
            return self._new(who, {"recoveryState": "Failed", "recoveryErrorCode": failure or ""})
        _abort(old)
        old.lost()
        _cancel(old)
        del self._sessions[old.token]
        old.renamed()
        self._sessions[old.token] = old
        old.greet({"recoveryState": "Successful"})
        return old

    def is_ours(self, wsc: str) -> bool:
        """Whether a `wsc` token could be one of this gateway's."""
        return wsc.startswith(_MARK)

    def disconnected(self, session: Session, request: web.Request) -> None:
        """A connection has ended; its session waits to be recovered."""
        if session.request is not request:
            return
        session.lost()
        loop = asyncio.get_running_loop()
        session.expiry = loop.call_later(self._tuning().ws_recovery, self._forget, session)

    def connected(self) -> list[Session]:
        """The sessions that have a connection now."""
        return [one for one in self._sessions.values() if one.request is not None]

    def drop(self, *, how: str = "abort", forget: bool = False) -> int:
        """Ends all connections now, by a TCP reset or a close frame; says how many."""
        dropped = self.connected()
        for session in dropped:
            if how == "abort":
                _abort(session)
            else:
                session.finish(1001)
            if forget:
                self._forget(session)
        return len(dropped)

    def stop(self) -> None:
        """Ends all connections, and forgets all sessions."""
        self.drop(forget=True)
        for session in list(self._sessions.values()):
            self._forget(session)
        self._tokens.clear()

    def _new(self, who: Identity, recovery: dict[str, str]) -> Session:
        session = Session(who, self._tuning)
        self._sessions[session.token] = session
        session.greet(recovery)
        return session

    def _failure(self, old: Session | None, who: Identity) -> str | None:
        if old is None:
            return "WSG-1002"
        if old.owner.session != who.session:
            return "WSG-1003"
        return "WSG-1005" if old.subscription is None else None

    def _forget(self, session: Session) -> None:
        _cancel(session)
        self._sessions.pop(session.token, None)
        if session.subscription is not None:
            self._subscriptions.remove(session.subscription)


def _cancel(session: Session) -> None:
    if session.expiry is not None:
        session.expiry.cancel()
        session.expiry = None


def _abort(session: Session) -> None:
    if session.request is not None and session.request.transport is not None:
        session.request.transport.abort()
