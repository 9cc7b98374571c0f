"""What the telephony tests stand on: a server that misbehaves on demand, and a small shared store.

The store and the budget keep the promises of `orchestrator.telephony.ports` in one process.
"""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain.budget import Heard, Payer, Payment, Penalty, Scope
from orchestrator.domain.errors import StorageUnavailable, UpstreamGated
from tests.harness.waiting import wait_until

RINGING = {"callStatus": "InProgress", "callerStatus": "InProgress", "calleeStatus": "InProgress"}
PLACED = {"id": "s-1", "status": RINGING}
BODY = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
BEGIN = 1_800_000_000_000
EVERY_GROUP = "*"
PAID = Payment(Payer(), "heavy", "paid")
"""What whoever writes the fence hands to `make`."""


@dataclass
class ManualClock:
    """Stands still until it is moved; milliseconds since the epoch."""

    now: int = BEGIN

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += round(1000 * seconds)


@dataclass
class MemoryTokens:
    """A token store within one process, leases and all; `is_away` is an outage of it."""

    clock: ManualClock = field(default_factory=ManualClock)
    is_away: bool = False
    kept: dict[str, tuple[bytes, int]] = field(default_factory=dict)
    leases: dict[str, tuple[str, int]] = field(default_factory=dict)
    parked: dict[str, str] = field(default_factory=dict)
    loads: int = 0

    def _in_reach(self) -> None:
        if self.is_away:
            raise StorageUnavailable("no store", 1.0)

    async def load(self, credential: str) -> bytes | None:
        await asyncio.sleep(0)
        self._in_reach()
        self.loads += 1
        sealed, until_ms = self.kept.get(credential, (b"", 0))
        return sealed if self.clock() < until_ms else None

    async def save(self, credential: str, sealed: bytes, ttl_seconds: int) -> None:
        await asyncio.sleep(0)
        self._in_reach()
        self.kept[credential] = (sealed, self.clock() + 1000 * ttl_seconds)

    async def acquire(self, credential: str, owner: str, seconds: float) -> bool:
        await asyncio.sleep(0)
        self._in_reach()
        _, until_ms = self.leases.get(credential, ("", 0))
        if self.clock() < until_ms:
            return False
        self.leases[credential] = (owner, self.clock() + round(1000 * seconds))
        return True

    async def release(self, credential: str, owner: str) -> None:
        await asyncio.sleep(0)
        self._in_reach()
        if self.leases.get(credential, ("", 0))[0] == owner:
            del self.leases[credential]

    async def park(self, credential: str, code: str, detail: str) -> None:
        self._in_reach()
        self.parked[credential] = code

    async def unpark(self, credential: str) -> None:
        self._in_reach()
        self.parked.pop(credential, None)


@dataclass
class MemoryBudget:
    """A budget within one process that only gates; the lists show what it was told."""

    clock: ManualClock = field(default_factory=ManualClock)
    is_away: bool = False
    paid: list[tuple[str, bool]] = field(default_factory=list)
    heard: list[tuple[str, Heard]] = field(default_factory=list)
    refunded: list[str] = field(default_factory=list)
    payers: list[Payer] = field(default_factory=list)
    logins_a_minute: int = 1000
    _until: dict[str, int] = field(default_factory=dict)
    _logins: list[int] = field(default_factory=list)

    @property
    def closed(self) -> dict[str, Penalty]:
        """The penalties that were told, by group."""
        return {group: heard.penalty for group, heard in self.heard if heard.penalty}

    def _in_reach(self) -> None:
        if self.is_away:
            raise StorageUnavailable("no store", 1.0)

    async def spend(
        self, payer: Payer, group: str, *, care: bool = False, pace: float = 0
    ) -> Payment:
        self._in_reach()
        left = max(self._until.get(name, 0) for name in (group, EVERY_GROUP)) - self.clock()
        recent = [at for at in self._logins if at > self.clock() - 60_000]
        if group == "auth" and len(recent) >= self.logins_a_minute:
            left = max(left, recent[0] + 60_000 - self.clock())
        if left > 0:
            raise UpstreamGated("closed", left / 1000)
        if group == "auth":
            self._logins = [*recent, self.clock()]
        self.payers.append(payer)
        self.paid.append((group, care))
        return Payment(payer, group, f"{group}-{len(self.paid)}")

    async def passable(self, payer: Payer) -> None:
        self._in_reach()

    async def settle(self, payment: Payment, heard: Heard) -> None:
        self._in_reach()
        self.heard.append((payment.group, heard))
        if heard.penalty is not None:
            is_narrow = heard.penalty.scope is Scope.BUCKET
            self.close(payment.group if is_narrow else EVERY_GROUP, heard.penalty.seconds)

    async def refund(self, payment: Payment) -> None:
        self._in_reach()
        self.refunded.append(payment.group)

    def close(self, group: str, seconds: float) -> None:
        self._until[group] = self.clock() + round(1000 * seconds)


@dataclass(frozen=True)
class Received:
    """A request as it came over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def is_probe(self) -> bool:
        return self.path == "/restapi/v1.0"


@dataclass
class Reply:
    """Bytes to answer with, and what happens to the connection afterwards.

    `hold` keeps the answer back until it is set.
    """

    data: bytes = b""
    then: str = "keep"
    hold: asyncio.Event | None = None


Script = Callable[[Received], Reply]


def http(status: int, body: Any = b"", **headers: str) -> bytes:
    """A whole HTTP/1.1 answer; a body that is not bytes goes as JSON."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(sent)}"]
    lines += [f"{name.replace('_', '-')}: {text}" for name, text in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + sent


def reply(status: int, body: Any = b"", **headers: str) -> Reply:
    """A well-behaved answer on a connection that stays open."""
    return Reply(http(status, body, **headers))


def by_method(**replies: Reply) -> Script:
    """A reply a method; the probe is always answered well."""

    def script(request: Received) -> Reply:
        return reply(200, {}) if request.is_probe else replies[request.method]

    return script


def in_turn(*replies: Reply) -> Script:
    """One reply after the other, the last for ever; the probe is always answered well."""
    left = list(replies)

    def script(request: Received) -> Reply:
        if request.is_probe:
            return reply(200, {})
        return left.pop(0) if len(left) > 1 else left[0]

    return script


@dataclass
class OddServer:
    """An HTTP server over raw sockets: it notes what it receives and does as its script says.

    `greeting` is what it says before it is asked anything.
    """

    script: Script
    greeting: bytes = b""
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    url: str = ""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def methods(self) -> list[str]:
        """The methods received, probes left out."""
        return [request.method for request in self.received if not request.is_probe]

    def probes(self) -> int:
        return sum(request.is_probe for request in self.received)

    def hang_up(self) -> None:
        """Closes every connection, as a server does with idle ones."""
        for writer in tuple(self._open):
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        writer.write(self.greeting)
        try:
            await self._talk(reader, writer, self.connections)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            self._open.discard(writer)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        while True:
            request = await _read(reader, connection)
            self.received.append(request)
            answer = self.script(request)
            if answer.hold is not None:
                await answer.hold.wait()
            writer.write(answer.data)
            await writer.drain()
            if answer.then == "reset":
                _reset(writer)
            if answer.then != "keep":
                return


async def _read(reader: asyncio.StreamReader, connection: int) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    pairs = (line.split(": ", 1) for line in head[1:] if line)
    headers = {name.lower(): text for name, text in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body, connection)


def _reset(writer: asyncio.StreamWriter) -> None:
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@asynccontextmanager
async def odd_server(script: Script, greeting: bytes = b"") -> AsyncIterator[OddServer]:
    """Serves until the block is left."""
    server = OddServer(script, greeting)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listening.close()
        server.hang_up()
        await wait_until(lambda: not server._open, every=0.002)


def nobody() -> str:
    """The URL of a port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def always(answer: Reply) -> Script:
    """The same reply to whatever is asked."""

    def script(_request: Received) -> Reply:
        return answer

    return script
