"""Requests that mean harm, for both front ends, shown with a key that is good: each must be
refused, none may reach RingCentral."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness import odd_requests
from tests.harness.hostile import NUMBERS
from tests.harness.raw import connected

RING_OUT = "/v1/restapi/v1-0/account/~/extension/~/ring-out"
ALIAS = "/restapi/v1.0/account/~/extension/~/ring-out"
CALLER, CALLEE = "+16505550100", "+16505550123"
REST, MCP = "rest", "mcp"

_IDS = {
    "a slash": "a%2Fb",
    "..": "..",
    "%2e%2e": "%2e%2e",
    "%2e%2e%2f": "%2e%2e%2f%2e%2e%2fextension",
    "%252e%252e": "%252e%252e%252f",
    "an overlong dot": "%c0%ae%c0%ae%c0%af",
    "NUL": "call_%00",
    "CRLF": "call_%0d%0aX:%20y",
    "a question mark": "1%3Fa=b",
    "a fragment": "1%23",
    "a semicolon": "1;x=y",
    "a backslash": "..%5c..%5c",
    "blanks": "%20%20",
    "a star": "*",
    "a number": "%2B16505550123",
    "homoglyph digits": "%EF%BC%91%EF%BC%92",
    "not UTF-8": "%ff%fe",
    "3,000 characters": "a" * 3_000,
}
_TOOL_IDS: tuple[Any, ...] = (
    *("a/b", "..", "%2e%2e", "../../extension", "%252e%252e", "call_\0", "call_\r\nX: y", "1?a=b"),
    *("1#", "1;x=y", "..\\..\\", "  ", "*", CALLEE, "\uff11\uff12", "a" * 3_000, "", 7, None, {}),
)
_OF_ONE = (
    ("GET", RING_OUT + "/{id}"),
    ("DELETE", RING_OUT + "/{id}"),
    ("GET", ALIAS + "/{id}"),
    ("DELETE", ALIAS + "/{id}"),
    ("GET", RING_OUT + "/{id}/events"),
    ("GET", "/v1/calls/{id}/timeline"),
    ("GET", "/v1/webhooks/{id}"),
    ("DELETE", "/v1/webhooks/{id}"),
    ("POST", "/v1/deliveries/{id}/redeliver"),
    ("POST", "/v1/restapi/v1-0/account/{id}/extension/~/ring-out"),
    ("POST", "/v1/restapi/v1-0/account/~/extension/{id}/ring-out"),
)


@dataclass(frozen=True)
class Hostile:
    """A request as bytes, and the front end that it is for."""

    name: str
    to: str
    request: bytes


@dataclass(frozen=True)
class Outcome:
    """What came of one; `grown` is by how many MiB the process was larger at the worst moment."""

    tried: Hostile
    status: int
    answer: bytes
    seconds: float
    grown: float

    @property
    def name(self) -> str:
        """Which one it was."""
        return f"{self.tried.to}: {self.tried.name}"

    @property
    def is_refused(self) -> bool:
        """Whether it was the client's fault, over HTTP or as MCP says it."""
        if 400 <= self.status < 500:
            return True
        is_error = b'"isError":true' in self.answer or b'"error":{' in self.answer
        return self.tried.to == MCP and self.status == 200 and is_error


def wish(leg: str = "to", number: str = CALLEE) -> dict[str, Any]:
    """A body that would be accepted, but for one number."""
    return {
        "from": {"phoneNumber": CALLER},
        "to": {"phoneNumber": CALLEE},
        leg: {"phoneNumber": number},
    }


def table(key: str) -> Iterator[Hostile]:
    """All of them, each with the key."""
    yield from _ids(key)
    yield from _numbers(key)
    yield from _bodies(key)
    yield from _heads(key)


def good(key: str) -> Iterator[Hostile]:
    """One for each front end that is as it should be."""
    yield Hostile("good", REST, _post(key, RING_OUT, json.dumps(wish()).encode()))
    yield Hostile("good", MCP, _tool(key, "make-ringout-call", {"body": wish()}))


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many were tried, and the worst of them."""
    refused = sum(one.is_refused for one in outcomes)
    slowest = max(outcomes, key=lambda one: one.seconds)
    largest = max(outcomes, key=lambda one: one.grown)
    return (
        f"{len(outcomes)} tried, {refused} refused; "
        f"slowest {1000 * slowest.seconds:.0f} ms ({slowest.name}); "
        f"largest {largest.grown:.1f} MiB ({largest.name})"
    )


def _post(key: str, path: str, body: bytes, more: bytes = b"", kind: str = "json") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Authorization: Bearer {key}\r\nContent-Type: application/{kind}\r\n"
        f"Accept: application/json, text/event-stream\r\nContent-Length: {len(body)}\r\n"
    )
    return head.encode() + more + b"\r\n" + body


def _tool(key: str, name: str, arguments: Any) -> bytes:
    called = {"name": name, "arguments": arguments}
    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": called}
    return _post(key, "/mcp", json.dumps(request).encode())


def _ids(key: str) -> Iterator[Hostile]:
    body = json.dumps(wish()).encode()
    for name, text in _IDS.items():
        for method, pattern in _OF_ONE:
            request = _post(key, pattern.format(id=text), body)
            asked = request.replace(b"POST ", f"{method} ".encode(), 1)
            yield Hostile(f"{method} {pattern}: {name}", REST, asked)
    for given in _TOOL_IDS:
        for tool in ("get-ringout-call-status", "cancel-ringout-call"):
            arguments: dict[str, Any] = {"ringoutId": given}
            yield Hostile(f"{tool}: {str(given)[:20]!r}", MCP, _tool(key, tool, arguments))
    for text in ("~/../x", "%2e%2e", "a/b", "\0", "\r\n"):
        arguments = {"accountId": text, "body": wish()}
        yield Hostile(f"account {text!r}", MCP, _tool(key, "make-ringout-call", arguments))


def _numbers(key: str) -> Iterator[Hostile]:
    for number in NUMBERS:
        for leg in ("from", "to", "callerId"):
            if leg == "callerId" and NUMBERS[number]:
                continue
            name, body = f"{leg} {number!r}", wish(leg, number)
            for path in (RING_OUT, ALIAS):
                yield Hostile(name, REST, _post(key, path, json.dumps(body).encode()))
            yield Hostile(name, MCP, _tool(key, "make-ringout-call", {"body": body}))


def _texts() -> Iterator[tuple[str, bytes]]:
    """Bodies that are no request, whoever reads them."""
    good = json.dumps(wish())
    yield "30,000 arrays deep", b"[" * 30_000 + b"]" * 30_000
    yield "10,000 objects deep", b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    yield "arrays that do not end", b"[" * 60_000
    yield "deep in a field", good.replace('"+16505550123"', "[" * 9_000 + "]" * 9_000).encode()
    yield "NaN", good.replace('"+16505550123"', "NaN").encode()
    yield "a number of 20,000 digits", good.replace('"+16505550123"', "9" * 20_000).encode()
    yield "1e999", good.replace('"+16505550123"', "1e999").encode()
    yield "half a surrogate", good.replace("+16505550123", "\\ud800").encode()
    yield "an escaped NUL", good.replace("+16505550123", "+1650555\\u00000123").encode()
    yield "a NUL", good.encode().replace(b"+1650", b"+1\x00650")
    yield "UTF-16", good.encode("utf-16")
    yield "not UTF-8", b'{"to":"\xff\xfe"}'
    yield "two documents", (good + good).encode()
    yield "a comment", ("/* */" + good).encode()
    yield "5,000 fields", json.dumps({str(at): at for at in range(5_000)}).encode()
    yield "__proto__", json.dumps({**wish(), "__proto__": {"a": 1}}).encode()
    yield "nothing", b""


def _bodies(key: str) -> Iterator[Hostile]:
    for name, text in _texts():
        yield Hostile(name, REST, _post(key, RING_OUT, text))
        yield Hostile(name, MCP, _post(key, "/mcp", text))
        inside = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":' + (
            b'"make-ringout-call","arguments":{"body":' + (text or b" ") + b"}}}"
        )
        yield Hostile(f"{name}, in a tool's arguments", MCP, _post(key, "/mcp", inside))
    two = '{"from":{"phoneNumber":"%s"},"to":{"phoneNumber":"%s"},"to":{"phoneNumber":"%s"}}'
    for last in (CALLEE, "+19005551212"):
        text = (two % (CALLER, "+16505550110", last)).encode()
        inside = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":' + (
            b'"make-ringout-call","arguments":{"body":' + text + b"}}}"
        )
        yield Hostile(f"duplicate keys, {last}", REST, _post(key, RING_OUT, text))
        yield Hostile(f"duplicate keys, {last}", MCP, _post(key, "/mcp", inside))
    for kind in ("x-www-form-urlencoded", "xml", "octet-stream"):
        text = json.dumps(wish()).encode()
        yield Hostile(f"as {kind}", REST, _post(key, RING_OUT, text, kind=kind))


def _heads(key: str) -> Iterator[Hostile]:
    body = json.dumps(wish()).encode()
    call = {"name": "make-ringout-call", "arguments": {"body": wish()}}
    rpc = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
    for to, path, text in ((REST, RING_OUT, body), (MCP, "/mcp", json.dumps(rpc).encode())):
        for name, line in (
            ("CR in a header", b"Prefer: a\rX: b\r\n"),
            ("LF in a header", b"Prefer: a\nX: b\r\n"),
            ("NUL in a header", b"Prefer: a\0b\r\n"),
            ("a folded header", b"Prefer: a\r\n b\r\n"),
            ("another host besides", b"Host: evil.example\r\n"),
            ("a foreign page", b"Origin: https://evil.example\r\n"),
            ("a page of no origin", b"Origin: null\r\n"),
        ):
            yield Hostile(name, to, _post(key, path, text, line))
        evil = _post(key, path, text).replace(b"Host: localhost", b"Host: evil.example")
        yield Hostile("another host", to, evil)
        told = f"Authorization: Bearer {key}\r\n".encode()
        odd = {
            **odd_requests.smuggling(path.encode()),
            **{name: sent for name, (_, sent) in odd_requests.large(path.encode()).items()},
            **odd_requests.unending(path.encode()),
        }
        for name, request in odd.items():
            line, mark, rest = request.partition(b"\r\n")
            shown = line + mark + told + rest if line.endswith((b"/1.1", b"/1.0")) else request
            yield Hostile(name, to, shown)
    for name, line in (
        ("an idempotency key with CRLF", b"Idempotency-Key: a%0d%0a\x0bb\r\n"),
        ("a long idempotency key", b"Idempotency-Key: " + b"a" * 4_000 + b"\r\n"),
    ):
        yield Hostile(name, REST, _post(key, RING_OUT, body, line))


async def tried(url: str, pid: int, hostile: Hostile, seconds: float = 20.0) -> Outcome:
    """Sends one, and waits until the connection has ended; a status of 0 where nothing was
    answered."""
    before = _peak(pid, is_new=True)
    begun = time.monotonic()
    answer = b""
    async with connected(url) as (reader, writer):
        writing = asyncio.create_task(_written(writer, hostile.request))
        with suppress(ConnectionError):
            async with asyncio.timeout(seconds):
                while not _is_whole(answer) and (part := await reader.read(65_536)):
                    answer += part
        took = time.monotonic() - begun
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
    status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0
    return Outcome(hostile, status, answer, took, _peak(pid) - before)


def _is_whole(answer: bytes) -> bool:
    head, mark, body = answer.partition(b"\r\n\r\n")
    if length := re.search(rb"(?im)^content-length: (\d+)\r?$", head):
        return bool(mark) and len(body) >= int(length[1])
    return body.endswith(b"0\r\n\r\n")


async def _written(writer: asyncio.StreamWriter, request: bytes) -> None:
    writer.write(request)
    await writer.drain()


def _peak(pid: int, *, is_new: bool = False) -> float:
    """The most memory that a process had since this was last asked for anew, in MiB."""
    if is_new:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    (line,) = (each for each in status.splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
