"""Clients of one stream of events, on bare sockets: `python -m tests.bench.listeners PORT COUNT`.

Says `listening` when all are let in; and when the last of them has the event that is marked as the
last: `all told`, the monotonic time in nanoseconds, and how many bytes each of them got at least.
"""

import asyncio
import sys
import time

LAST = b"the-last-of-all"
_REQUEST = b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class _Client(asyncio.Protocol):
    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[None] = loop.create_future()
        self.told: asyncio.Future[None] = loop.create_future()
        self.bytes = 0
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(_REQUEST)

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            if not data.startswith(b"HTTP/1.1 200"):
                raise SystemExit(data[:200].decode())
            self.opened.set_result(None)
            return
        self.bytes += len(data)
        if LAST in self._tail + data[-4_096:] and not self.told.done():
            self.told.set_result(None)
        self._tail = data[-len(LAST) :]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.told.done():
            self.told.set_exception(ConnectionError(f"dropped: {error}"))


async def main(port: int, count: int) -> None:
    """Listens until all have been told everything."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(_Client, "127.0.0.1", port))[1] for _ in range(count)]
    await asyncio.gather(*(client.opened for client in clients))
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    await asyncio.gather(*(client.told for client in clients))
    now = time.monotonic_ns()
    least = min(client.bytes for client in clients)
    sys.stdout.write(f"all told {now} {least}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
