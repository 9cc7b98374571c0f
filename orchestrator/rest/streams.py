"""Open streams of server-sent events: bounded in number, and each in what waits for it.

An event is put into its wire form once, however many streams it goes to. A client that does not
take what it is sent is disconnected: it comes back with the id of the last event it has.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

import structlog
from aiohttp import web
from aiohttp_sse import EventSourceResponse, sse_response

from orchestrator.domain.access import HOUSE_OWNER
from orchestrator.domain.events import entered
from orchestrator.rest.asker import asker_of
from orchestrator.rest.metrics import Metrics
from orchestrator.rest.problems import SAFE
from orchestrator.rest.waits import Waits
from orchestrator.storage.events import Entry, Gap, Place
from orchestrator.storage.following import Present, Reached, Told

HEARTBEAT_S = 15.0
RETRY_MS = 2_000
_SEND_S = 30.0
_END_S = 1.0
_FOR_EVER_S = 10.0 * 365 * 86_400
_GONE = (ConnectionError, RuntimeError)
"""What a write raises when the client is not there any more."""

log = structlog.get_logger(__name__)

Source = AsyncGenerator[Sequence[Told], None]


class _Response(EventSourceResponse):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.headers.update(SAFE)


class Seat(Enum):
    """Whether there is room for one more stream."""

    TAKEN = "it is taken"
    NONE = "there is none"
    NONE_FOR_KEY = "there is none for this key"


@dataclass(frozen=True, slots=True)
class Most:
    """How many streams may be open in a process, and of one key among them."""

    streams: int = 1_000
    of_key: int = 100


class Streams:
    """The open streams of one process."""

    def __init__(
        self, waits: Waits, metrics: Metrics, most: Most, heartbeat: float = HEARTBEAT_S
    ) -> None:
        """`heartbeat` is seconds between two comments on a stream."""
        self.heartbeat = heartbeat
        self._metrics = metrics
        self._waits = waits
        self._most = most
        self._open: dict[str, list[web.Request]] = {}

    @contextmanager
    def seat(self, request: web.Request) -> Iterator[Seat]:
        """A seat for one more; where there is room it is taken, until the context ends."""
        owner = asker_of(request).owner
        seat = self._room_for(owner)
        if seat is not Seat.TAKEN:
            yield seat
            return
        own = self._open.setdefault(owner, [])
        own.append(request)
        try:
            yield seat
        finally:
            own[:] = [one for one in own if one is not request]
            if not own:
                self._open.pop(owner, None)

    @property
    def count(self) -> int:
        """How many are open."""
        return sum(map(len, self._open.values()))

    def _room_for(self, owner: str) -> Seat:
        """Where no key is needed there is no bound of one."""
        if _are_full(self._open.values(), self._most.streams):
            return Seat.NONE
        own = self._open.get(owner, [])
        is_full = owner != HOUSE_OWNER and _are_full([own], self._most.of_key)
        return Seat.NONE_FOR_KEY if is_full else Seat.TAKEN

    async def serve(
        self, request: web.Request, first: Sequence[Told], source: Source, place: Place | None
    ) -> web.StreamResponse:
        """Sends `first` and then what `source` has, until it ends, the client leaves or the
        process ends. With `place`, that is where a client goes on that comes back at once."""
        self._metrics.streams.inc()
        try:
            async with sse_response(
                request,
                response_cls=_Response,
                sep="\n",
                ping_interval=self.heartbeat,
                send_timeout=_SEND_S,
            ) as response:
                head = f"retry: {RETRY_MS}\n\n" if place is None else f"retry: {RETRY_MS}\n"
                head += "" if place is None else f"id: {place}\n\n"
                with suppress(*_GONE):
                    await self._waits.held(
                        _sent(request, response, head.encode() + _frames(first), source),
                        _FOR_EVER_S,
                    )
            await _finished(request, response)
        finally:
            self._metrics.streams.dec()
        return response

    def drop(self, request: web.Request) -> None:
        """Disconnects a client that does not keep up."""
        self._metrics.streams_dropped.inc()
        log.info("event_stream_dropped", open=self.count)
        _cut(request)


def _are_full(groups: Collection[Collection[web.Request]], most: int) -> bool:
    """Whether so many are open; those whose client has left do not count."""
    if sum(map(len, groups)) < most:
        return False
    return sum(not _is_gone(request) for group in groups for request in group) >= most


async def _sent(
    request: web.Request, response: EventSourceResponse, head: bytes, source: Source
) -> None:
    await response.write(head)
    async for items in source:
        if _is_gone(request):
            return
        if not items:
            continue
        try:
            async with asyncio.timeout(_SEND_S):
                await response.write(_frames(items))
        except TimeoutError:
            _cut(request)
            return


async def _finished(request: web.Request, response: EventSourceResponse) -> None:
    """Ends the answer; a client that does not take the end is cut off."""
    try:
        async with asyncio.timeout(_END_S):
            await response.write_eof()
    except TimeoutError:
        _cut(request)
    except _GONE:
        return


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _frames(items: Sequence[Told]) -> bytes:
    return b"".join(_frame(item) for item in items)


def _frame(item: Told) -> bytes:
    if isinstance(item, Entry):
        return _event(item)
    if isinstance(item, Reached):
        return f"id: {item.place}\n\n".encode()
    if isinstance(item, Gap):
        oldest = None if item.oldest is None else str(item.oldest)
        told = json.dumps({"oldest": oldest, "lastEventId": str(item.after)})
        return f"event: gap\ndata: {told}\n\n".encode()
    return _present(item)


@lru_cache(maxsize=2_000)
def _event(entry: Entry) -> bytes:
    fields = entry.fields
    return f"id: {entry.place}\nevent: {fields['type']}\ndata: {fields['data']}\n\n".encode()


def _present(item: Present) -> bytes:
    head = f"id: {item.place}\nevent: {entered(item.snapshot.state)}\ndata: ".encode()
    return head + item.snapshot.document + b"\n\n"
