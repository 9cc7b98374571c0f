"""Server-sent events, as they come out of an answer's body."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its kind, the id to go on from, and its data (JSON, as text)."""

    kind: str
    id: str
    data: str


async def events(lines: AsyncIterable[bytes]) -> AsyncIterator[Told]:
    """The events in the lines of a body, without comments.

    One without data says only from which id to go on; its kind is empty.
    """
    kind, last, data, is_named = "", "", list[str](), False
    async for line in lines:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "id":
            last, is_named = value, True
        elif name == "data":
            data.append(value)
        elif not line.strip():
            if data or is_named:
                yield Told(kind if data else "", last, "\n".join(data))
            kind, data, is_named = "", [], False
