"""A client of server-sent events that keeps what it received."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp


@dataclass(frozen=True)
class Sent:
    """One event as it was received; `data` is decoded."""

    id: str
    type: str
    data: Any


@dataclass
class Listener:
    """An open stream. `comments` counts the lines that are no event; `last_id` is what a client
    would come back with."""

    response: aiohttp.ClientResponse
    comments: int = 0
    last_id: str = ""
    retry: str = ""
    received: list[Sent] = field(default_factory=list)

    async def next(self, seconds: float = 10.0) -> Sent | None:
        """The next event; None where the stream has ended."""
        async with asyncio.timeout(seconds):
            return await self._next()

    async def _next(self) -> Sent | None:
        block: dict[str, str] = {}
        async for raw in self.response.content:
            line = raw.decode().rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
            elif line:
                name, _, value = line.partition(": ")
                block[name] = value
            else:
                self.last_id = block.get("id", self.last_id)
                self.retry = block.get("retry", self.retry)
                if "data" in block:
                    sent = Sent(self.last_id, block["event"], json.loads(block["data"]))
                    self.received.append(sent)
                    return sent
                block = {}
        return None

    async def take(self, count: int, seconds: float = 20.0) -> list[Sent]:
        """The next `count` events; AssertionError where the stream ends before."""
        taken: list[Sent] = []
        async with asyncio.timeout(seconds):
            while len(taken) < count:
                sent = await self._next()
                assert sent is not None, f"ended after {len(taken)}"
                taken.append(sent)
        return taken

    async def rest(self, seconds: float = 20.0) -> list[Sent]:
        """All events until the stream ends."""
        taken = []
        async with asyncio.timeout(seconds):
            while (sent := await self._next()) is not None:
                taken.append(sent)
        return taken


@asynccontextmanager
async def listening(
    session: aiohttp.ClientSession, url: str, last_id: str | None = None, **query: Any
) -> AsyncIterator[Listener]:
    """A stream that has been opened with success."""
    headers: Mapping[str, str] = {} if last_id is None else {"Last-Event-ID": last_id}
    timeout = aiohttp.ClientTimeout(total=None)
    async with session.get(url, headers=headers, params=query, timeout=timeout) as response:
        assert response.status == 200, await response.text()
        yield Listener(response)
