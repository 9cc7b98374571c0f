"""The event stream's tail, read once per process and told to whoever waits for a call."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.storage import keys

_BLOCK_MS = 2_000
_PAUSE_S = 0.2

log = structlog.get_logger(__name__)


class Feed:
    """Wakes those who watch a call when an event about it is written.

    It is a hint, not a promise: a watcher looks at the call before it waits, and is woken as well
    when the stream cannot be read, so that it finds out for itself.
    """

    def __init__(self, redis: Redis) -> None:
        """`redis` needs a socket time-out above two seconds."""
        self._redis = redis
        self._watched: dict[str, set[asyncio.Event]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._positioned = asyncio.Event()

    @asynccontextmanager
    async def watching(self, call_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set at each change of the call from now on."""
        if self._reader is None or self._reader.done():
            self._positioned.clear()
            self._reader = asyncio.create_task(self._read())
        changed = asyncio.Event()
        self._watched.setdefault(call_id, set()).add(changed)
        try:
            await self._positioned.wait()
            yield changed
        finally:
            watchers = self._watched[call_id]
            watchers.discard(changed)
            if not watchers:
                del self._watched[call_id]

    async def close(self) -> None:
        """Stops reading; those who still watch are woken."""
        if self._reader is not None:
            self._reader.cancel()
            with suppress(asyncio.CancelledError):
                await self._reader
        self._wake_all()

    async def _read(self) -> None:
        position = ""
        while True:
            try:
                position = position or await self._last()
                self._positioned.set()
                position = await self._follow(position)
            except (RedisError, OSError) as error:
                log.warning("event_stream_away", error=type(error).__name__)
                self._positioned.set()
                self._wake_all()
                await asyncio.sleep(_PAUSE_S)

    async def _last(self) -> str:
        newest = await self._redis.xrevrange(keys.EVENTS, count=1)
        return newest[0][0].decode() if newest else "0-0"

    async def _follow(self, position: str) -> str:
        answer = await self._redis.xread({keys.EVENTS: position}, count=200, block=_BLOCK_MS)
        for _, entries in answer:
            for entry_id, fields in entries:
                position = entry_id.decode()
                self._wake(fields[b"call"].decode())
        return position

    def _wake(self, call_id: str) -> None:
        for changed in self._watched.get(call_id, ()):
            changed.set()

    def _wake_all(self) -> None:
        for call_id in self._watched:
            self._wake(call_id)
