"""Looking through everything that the house keeps, in bounded steps: nobody waits for it.

It is the proof that a number is forgotten, and shares with what forgets it only how a number is
written: it does not know what a key is for, and reads each by its type. What it cannot read, it
says.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.domain import phones
from orchestrator.domain.phones import Spellings
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands, NotPermitted

_KEYS_A_STEP = 500
_PARTS_A_STEP = 500
_PATTERNS = (f"{keys.PREFIX}*", f"arq:*:{keys.TAG}:*")
_Read = Callable[[str], AsyncIterator[Iterable[Any]]]


@dataclass(slots=True)
class Found:
    """How many keys were looked at, and those that hold what was searched for, in their name or
    in what they keep; `unread` are the kinds of those that could not be read."""

    looked_at: int = 0
    keys: list[str] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)


class Search:
    """Reads keys; StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._reads: dict[bytes, _Read] = {
            b"string": self._string,
            b"hash": lambda key: self._scanned("HSCAN", key),
            b"set": lambda key: self._scanned("SSCAN", key),
            b"zset": lambda key: self._scanned("ZSCAN", key),
            b"list": self._list,
            b"stream": self._stream,
        }

    async def number(self, wanted: Spellings) -> Found:
        """Where a number is kept, in any spelling."""
        found = Found()
        async for some in self.all_keys(_PATTERNS):
            holds = await asyncio.gather(*(self.holds(key, wanted) for key in some))
            for key, is_there in zip(some, holds, strict=True):
                if is_there is None:
                    found.unread.add(phones.scrubbed(wanted.hidden_in(_kind(key))))
                    continue
                found.looked_at += 1
                found.keys += [key] if is_there else []
        return found

    async def all_keys(self, patterns: Iterable[str]) -> AsyncIterator[list[str]]:
        """The names of all keys that match, some hundreds at a time, each once."""
        seen: set[str] = set()
        for pattern in patterns:
            cursor = b"0"
            while True:
                cursor, names = await self._commands.execute(
                    "SCAN", cursor, "MATCH", pattern, "COUNT", _KEYS_A_STEP
                )
                fresh = {name.decode(errors="replace") for name in names} - seen
                seen |= fresh
                if fresh:
                    yield sorted(fresh)
                if cursor in (b"0", 0):
                    break

    async def holds(self, key: str, wanted: Spellings) -> bool | None:
        """Whether a key holds a number, in its name or in what it keeps; None where that cannot be
        read: another's, or of a type that nobody knows here."""
        if wanted.are_in(key):
            return True
        try:
            kind = await self._commands.execute("TYPE", key)
            if kind in (b"none", "none"):
                return False
            read = self._reads.get(kind if isinstance(kind, bytes) else str(kind).encode())
            if read is None:
                return None
            async for parts in read(key):
                if any(wanted.are_in(_text(part)) for part in parts):
                    return True
        except NotPermitted:
            return None
        return False

    async def entries(self, key: str, wanted: Spellings) -> list[str]:
        """The ids of a stream's entries that hold a number."""
        return [
            entry_id
            async for page in self._pages(key)
            for entry_id, fields in page
            if any(wanted.are_in(_text(part)) for part in fields)
        ]

    async def _string(self, key: str) -> AsyncIterator[Iterable[Any]]:
        yield [await self._commands.execute("GET", key) or b""]

    async def _scanned(self, command: str, key: str) -> AsyncIterator[Iterable[Any]]:
        cursor: Any = b"0"
        while True:
            cursor, parts = await self._commands.execute(
                command, key, cursor, "COUNT", _PARTS_A_STEP
            )
            yield _flat(parts)
            if cursor in (b"0", 0):
                return

    async def _list(self, key: str) -> AsyncIterator[Iterable[Any]]:
        at = 0
        while parts := await self._commands.execute("LRANGE", key, at, at + _PARTS_A_STEP - 1):
            yield parts
            at += _PARTS_A_STEP

    async def _stream(self, key: str) -> AsyncIterator[Iterable[Any]]:
        async for page in self._pages(key):
            for _, fields in page:
                yield fields

    async def _pages(self, key: str) -> AsyncIterator[list[tuple[str, Iterable[Any]]]]:
        place = "-"
        while entries := await self._commands.execute(
            "XRANGE", key, place, "+", "COUNT", _PARTS_A_STEP
        ):
            yield [(entry_id.decode(), _flat(fields)) for entry_id, fields in entries]
            place = f"({entries[-1][0].decode()}"


def _kind(key: str) -> str:
    """What a key is one of, by the beginning of its name."""
    begin = keys.PREFIX if key.startswith(keys.PREFIX) else "arq:"
    kind, colon, _ = key.removeprefix(begin).partition(":")
    return f"{begin}{kind}{colon and ':*'}"


def _flat(parts: Any) -> Iterable[Any]:
    """The texts of an answer, which redis-py may have made a dictionary or pairs of."""
    if isinstance(parts, dict):
        return [part for item in parts.items() for part in item]
    return [one for part in parts for one in (part if isinstance(part, list | tuple) else (part,))]


def _text(part: Any) -> str:
    return part.decode(errors="replace") if isinstance(part, bytes) else str(part)
