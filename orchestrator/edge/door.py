"""The connections of one process: no more than so many, and none that dawdles.

A connection that is waited for costs memory and a file, and a client pays nothing to be waited
for. So a request's head must be there soon, and an answer must be taken soon; over TLS, where both
sides say farewell, the client's is not waited for longer than a moment.
"""

import asyncio
import resource
import select
import socket
from asyncio import BaseTransport, Protocol, Transport, get_running_loop
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import structlog

from orchestrator.edge.rules import MOST_HEAD
from orchestrator.settings import Settings

HANDSHAKE_S = 10.0
FAREWELL_S = 2.0
_IDLE = 1_000
_OTHER_FILES = 256
_LOOKS = 64

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How many connections there may be; for how many seconds a request's head, and the taking
    of an answer, are waited for; how often that is looked at."""

    connections: int = 4_000
    head: float = 10.0
    taken: float = 30.0
    every: float = 1.0


class Door:
    """Counts the connections in and out, and cuts off those that dawdle."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._inside: dict[Watched, None] = {}

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._inside)

    def enter(self, connection: "Watched") -> bool:
        """Whether there is room for it; if need be, one on which no request is under way goes."""
        if len(self._inside) >= self.limits.connections and not self._made_room():
            return False
        self._inside[connection] = None
        return True

    def leave(self, connection: "Watched") -> None:
        """It is closed."""
        self._inside.pop(connection, None)

    def _made_room(self) -> bool:
        for _ in range(min(_LOOKS, len(self._inside))):
            oldest = next(iter(self._inside))
            del self._inside[oldest]
            if not oldest.is_busy:
                oldest.cut("crowd")
                return True
            self._inside[oldest] = None
        return False

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Looks after the connections, until the end of the block."""
        watching = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.limits.every)
            moment = get_running_loop().time()
            for connection in tuple(self._inside):
                connection.judge(moment, self.limits)


class Watched(Protocol):
    """Mixed into a server's protocol, before it: a connection that a door looks after."""

    door: Door
    _link: Transport
    _is_refused = False
    _is_over = False
    _head_since: float | None = None
    _head_bytes = 0
    _socket: socket.socket | None = None
    _held_by = ""
    _held_since = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        raise NotImplementedError

    @property
    def awaits_head(self) -> bool:
        """Whether the next byte belongs to the head of a request."""
        raise NotImplementedError

    @property
    def latest(self) -> Any:
        """Is another than before when a request's head has been read to its end."""
        raise NotImplementedError

    def refuse_head(self) -> None:
        """Answers that the head is too large, if it can, and closes."""
        raise NotImplementedError

    def connection_made(self, transport: BaseTransport) -> None:
        self._link = cast("Transport", transport)
        if transport.get_extra_info("sslcontext") is not None:
            self._socket = transport.get_extra_info("socket")
        self._head_since = get_running_loop().time()
        if self.door.enter(self):
            super().connection_made(transport)
        else:
            self._is_refused = True
            self._link.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.door.leave(self)
        if not self._is_refused:
            super().connection_lost(cast("Exception | None", exc))

    def data_received(self, data: bytes) -> None:
        if self._is_refused or self._is_over:
            return
        is_head, latest = self.awaits_head, self.latest
        super().data_received(data)
        if self.latest != latest:
            self._head_since, self._head_bytes = None, 0
        elif is_head and data:
            self._head_bytes += len(data)
            if self._head_since is None and not self.is_busy:
                self._head_since = get_running_loop().time()
            if self._head_bytes > MOST_HEAD:
                self.refuse_head()

    def judge(self, moment: float, limits: Limits) -> None:
        """Is cut off where it has dawdled at this moment of the loop's clock."""
        if self._head_since is not None and moment - self._head_since > limits.head:
            self.cut("head")
            return
        held_by = "taken" if self._has_more else "farewell" if self._link.is_closing() else ""
        if held_by != self._held_by:
            self._held_by, self._held_since = held_by, moment
        elif held_by:
            patience = limits.taken if held_by == "taken" else FAREWELL_S
            if moment - self._held_since > patience:
                self.cut(held_by)

    @property
    def _has_more(self) -> bool:
        """Whether something that was said has not left this process."""
        if self._socket is None:
            return self._link.get_write_buffer_size() > 0
        # A TLS transport does not count what it has handed to the one below it, which cannot be
        # asked for (uvloop). Either holds something only while the socket takes no more.
        return not _takes_more(self._socket)

    def part(self) -> None:
        """Ends it after what was said. What still comes is thrown away for a moment: a socket that
        is closed with bytes unread is reset, and the client might never see what it was told."""
        self._is_over = True
        self._head_since = get_running_loop().time() - self.door.limits.head + FAREWELL_S
        if self._link.can_write_eof():
            self._link.write_eof()
        else:
            self._link.close()

    def cut(self, reason: str) -> None:
        """Ends it at once: what it was still to be sent is thrown away."""
        log.debug("connection_cut", reason=reason)
        self._link.abort()


def _takes_more(connection: socket.socket) -> bool:
    descriptor = connection.fileno()
    if descriptor < 0:
        return True
    asked = select.poll()
    asked.register(descriptor, select.POLLOUT)
    return bool(asked.poll(0))


def limits(settings: Settings, streams: int) -> Limits:
    """What the settings, and what the system allows of open files, say."""
    wanted = settings.most_requests + streams + _IDLE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    has_enough = soft == resource.RLIM_INFINITY or soft >= needed
    return Limits(wanted if has_enough else max(1, soft - _OTHER_FILES))
