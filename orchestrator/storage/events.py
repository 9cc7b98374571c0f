"""The event stream as it is read: entries, the places in it, and what a reader has missed.

A reader keeps the place of the last entry that it has seen. The stream drops its oldest entries,
so a place may be gone; every reading says so, exactly where the server counts what it has dropped
(Redis 7), and to be on the safe side where it does not.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.domain.events import EventType
from orchestrator.domain.words import State
from orchestrator.storage import keys
from orchestrator.storage.connection import AWAY, Commands

_ID = re.compile(r"(\d{1,20})(?:-(\d{1,20}))?", re.ASCII)
_MOST = 2**64
_DEADLINE_S = 1.6


class Place(NamedTuple):
    """An entry's id: milliseconds of the server's clock, and a count within the millisecond."""

    ms: int
    number: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"

    @classmethod
    def of(cls, text: str | bytes) -> "Place":
        """The place that an id names; ValueError for what is not the id of a stream's entry."""
        match = _ID.fullmatch(text if isinstance(text, str) else text.decode())
        place = cls(int(match[1]), int(match[2] or 0)) if match else None
        # Nothing comes after the very last place: Redis refuses to be asked for that.
        if place is None or max(place) >= _MOST or min(place) == _MOST - 1:
            raise ValueError("not the id of an entry")
        return place


START = Place(0, 0)
"""Before the first entry."""

_NOTHING: Mapping[str, str] = {"type": "", "call": ""}
_TYPES, _STATES = frozenset(EventType), frozenset(State)


def _is_ours(fields: Mapping[str, str]) -> bool:
    return (
        fields.get("type") in _TYPES
        and fields.get("state") in _STATES
        and "call" in fields
        and "data" in fields
        and re.fullmatch(r"[0-9]{1,15}", fields.get("sequence", "")) is not None
    )


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One event; `fields` are those that docs/events.md lists, as text."""

    place: Place
    fields: Mapping[str, str]

    @classmethod
    def of(cls, raw: tuple[bytes, Mapping[bytes, bytes]]) -> "Entry":
        """The entry in a server's answer. One that no process of ours writes tells nothing: it
        has a place, and is of no type and of no call."""
        place, fields = raw
        try:
            known = {name.decode(): value.decode() for name, value in fields.items()}
        except UnicodeDecodeError:
            known = {}
        return cls(Place.of(place), known if _is_ours(known) else _NOTHING)


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries after `after` are gone; the stream goes on from `oldest` (None: it is empty).

    With `restarted` it is another stream: Redis has lost it, and ids may begin anew.
    """

    after: Place
    oldest: Place | None
    restarted: bool = False


@dataclass(frozen=True, slots=True)
class Extent:
    """What the stream holds: `added` counts all entries there ever were, None where the server
    does not count."""

    oldest: Place | None
    newest: Place
    length: int
    added: int | None

    @classmethod
    def of(cls, info: Mapping[str, Any] | Exception) -> "Extent":
        """The extent in an answer to XINFO STREAM; of nothing, where there is no stream."""
        if isinstance(info, ResponseError) and "no such key" in str(info):
            return cls(None, START, 0, 0)
        if isinstance(info, Exception):
            raise info
        first = info["first-entry"]
        return cls(
            Place.of(first[0]) if first and first[0] else None,
            Place.of(info["last-generated-id"]),
            int(info["length"]),
            info.get("entries-added"),
        )

    def gap(self, place: Place) -> Gap | None:
        """What a reader that goes on from `place` misses."""
        if self.newest < place:
            return Gap(place, self.oldest, restarted=True)
        dropped = place != START if self.added is None else self.added > self.length
        is_gone = place < self.newest if self.oldest is None else place < self.oldest
        return Gap(place, self.oldest) if dropped and is_gone else None


@dataclass(frozen=True, slots=True)
class Page:
    """Entries in order, and the stream's extent at the same moment."""

    entries: Sequence[Entry]
    extent: Extent


class EventLog:
    """Reads what is kept. Every method raises StorageUnavailable when Redis does not answer."""

    def __init__(self, commands: Commands) -> None:
        self._redis = commands.redis

    async def after(self, place: Place, count: int) -> Page:
        """Up to `count` entries after `place`."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.xrange(keys.EVENTS, min=f"({place}", count=count)
        pipeline.xinfo_stream(keys.EVENTS)
        try:
            async with asyncio.timeout(_DEADLINE_S):
                entries, info = await pipeline.execute(raise_on_error=False)
        except (*AWAY, TimeoutError, ResponseError) as error:
            raise StorageUnavailable("Redis did not answer in time.", retry_after=1) from error
        if isinstance(entries, Exception):
            raise StorageUnavailable("Redis cannot serve now.", retry_after=5) from entries
        return Page([Entry.of(raw) for raw in entries], Extent.of(info))


async def extent_of(redis: Redis) -> Extent:
    """The stream's extent; redis-py's errors as they come."""
    try:
        return Extent.of(await redis.xinfo_stream(keys.EVENTS))
    except ResponseError as error:
        return Extent.of(error)
