"""A TCP proxy that can hold what passes: to stop a process exactly between two steps."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.harness.raw import dropped


class Proxy:
    """Forwards to one address.

    `hold_requests_with(text)`: a request holding the text, and all after it, is not forwarded.
    `hold_replies_after(text)`: the request is forwarded, its reply and all after it are not.
    `held` is set once something was held back; `let_go` ends the holding of replies.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._request_mark: bytes | None = None
        self._reply_mark: bytes | None = None
        self.held = asyncio.Event()
        self.url = ""
        self._gates: list[asyncio.Event] = []
        self._is_closed = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def hold_requests_with(self, text: str) -> None:
        """From now on."""
        self._request_mark = text.encode()

    def hold_replies_after(self, text: str) -> None:
        """From now on."""
        self._reply_mark = text.encode()

    def let_go(self) -> None:
        """Replies pass again."""
        self._reply_mark = None
        for gate in self._gates:
            gate.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with suppress(OSError):
            there, back = await asyncio.open_connection(self._host, self._port)
            self._writers |= {writer, back}
            if self._is_closed:
                await self._drop()
                return
            gate = asyncio.Event()
            gate.set()
            self._gates.append(gate)
            pumps = [self._requests(reader, back, gate), self._replies(there, writer, gate)]
            self._tasks |= {asyncio.create_task(pump) for pump in pumps}

    async def _requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 20):
                if self._request_mark is not None and self._request_mark in data:
                    self.held.set()
                    await asyncio.Event().wait()
                if self._reply_mark is not None and self._reply_mark in data:
                    gate.clear()
                    self.held.set()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _replies(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 20):
                await gate.wait()
                writer.write(data)
                await writer.drain()
        writer.close()

    async def close(self) -> None:
        """Drops every connection, and those that are only being made."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop()

    async def _drop(self) -> None:
        writers, self._writers = self._writers, set()
        for writer in writers:
            await dropped(writer)


@asynccontextmanager
async def proxied(target: str, scheme: str = "redis") -> AsyncIterator[Proxy]:
    """A proxy in front of `target`, on a port of its own; its `url` stands for the target's."""
    proxy = Proxy(target)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    proxy.url = f"{scheme}://127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
