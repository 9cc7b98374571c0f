"""uvicorn's connections, looked after by a door, and speaking of their own errors as problems."""

import re
import sys
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from orchestrator.edge.door import Door, Watched
from orchestrator.edge.rules import LARGE_HEAD, Refusal
from orchestrator.edge.tls import HSTS
from orchestrator.mcp.edge import problem_of

_NOT_HTTP = Refusal(400, "malformed_request", "This is not a well-formed HTTP request.")
_TOO_LARGE = 431
_CHUNK = re.compile(rb"[0-9A-Fa-f]{1,16}(?:;[^\r\n]*)?\r\n")
"""A size of 64 bits at most, and extensions, which nobody reads."""


class _Lines(ReceiveBuffer):
    """Holds what was received. A proxy may see one header where h11 would see two, or the other
    way round, where a line ends without CR or goes on in the next one: neither is taken. Nor are
    two lengths, of which h11 makes one where they are equal."""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        """The lines of a head or of trailers, once they are all there."""
        held = len(self)
        lines: list[bytearray] | None = super().maybe_extract_lines()
        if lines is None:
            return None
        taken = held - len(self)
        if taken != sum(len(line) + 2 for line in lines) + 2:
            raise h11.LocalProtocolError("a line does not end with CR and LF")
        if any(line.startswith((b" ", b"\t")) for line in lines):
            raise h11.LocalProtocolError("a line is folded")
        if sum(map(_lengths, lines)) > 1:
            raise h11.LocalProtocolError("there is more than one length")
        return lines

    def maybe_extract_next_line(self) -> bytearray | None:
        """The line before a chunk, once it is there."""
        line: bytearray | None = super().maybe_extract_next_line()
        if line is not None and _CHUNK.fullmatch(line) is None:
            raise h11.LocalProtocolError("a chunk begins with no size")
        return line


def _lengths(line: bytearray) -> int:
    name, _, value = line.partition(b":")
    return 1 + value.count(b",") if name.lower() == b"content-length" else 0


class Connection(Watched, H11Protocol):
    """One connection; a subclass has the door."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.conn._receive_buffer = _Lines()  # noqa: SLF001 - h11 has no setting for it

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def awaits_head(self) -> bool:
        """Whether the next byte belongs to the head of a request."""
        return not self.is_busy and self.conn.their_state is h11.IDLE

    @property
    def latest(self) -> object:
        """The latest request whose head has been read."""
        return self.cycle

    def on_response_complete(self) -> None:
        """What is left of a body that nobody wanted is not waited for any longer than a head."""
        if self.conn.their_state is h11.SEND_BODY:
            self._head_since = self.loop.time()
        super().on_response_complete()

    def refuse_head(self) -> None:
        """431, and the end."""
        self._refuse(LARGE_HEAD)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Called while h11's error is handled: its problem, and the end."""
        error = sys.exception()
        is_large = getattr(error, "error_status_hint", 0) == _TOO_LARGE
        self._refuse(LARGE_HEAD if is_large and not self.is_busy else _NOT_HTTP)

    def _refuse(self, refusal: Refusal) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.cut("not_http")
            return
        headers, body = problem_of(refusal)
        if self.scheme == "https":
            headers["Strict-Transport-Security"] = HSTS
        named = [(name.encode(), value.encode()) for name, value in headers.items()]
        status = refusal.status
        events: list[h11.Event] = [
            h11.Response(status_code=status, headers=named, reason=STATUS_PHRASES[status]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.part()


def connections(door: Door) -> type[Connection]:
    """The connections that this door looks after."""

    class Inside(Connection):
        pass

    Inside.door = door
    return Inside
