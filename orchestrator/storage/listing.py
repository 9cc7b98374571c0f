"""Calls listed, newest first, a page at a time."""

import asyncio
import base64
import binascii
from dataclasses import dataclass

from orchestrator.domain.words import State
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands
from orchestrator.storage.reading import shown
from orchestrator.storage.records import Snapshot, is_whole, snapshot_in

_CHUNK = 200
_MOST_CHUNKS = 10
_LONGEST_SCORE = 15


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: those that meet every filter given. Times are milliseconds since the epoch."""

    state: State | None = None
    client_reference: str | None = None
    since: int | None = None
    until: int | None = None
    account_id: str | None = None
    extension_id: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, and the cursor of the next page, None at the end."""

    calls: list[Snapshot]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Members of an index (time, id, call) in their order; `is_last` where no more follow."""

    rows: list[tuple[int, str, Snapshot | None]]
    is_last: bool


class CallList:
    """Reads the indexes; raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def page(self, wanted: Wanted, limit: int, cursor: str | None) -> Page:
        """At most `limit` calls after `cursor`; ValueError where that is not one of ours.

        A page may be short, or empty, and have a cursor all the same: a filter that few calls
        meet is applied to a bounded number of them at a time.
        """
        position = position_of(cursor) if cursor else None
        found: list[Snapshot] = []
        size = _CHUNK
        for _ in range(_MOST_CHUNKS):
            chunk = await self._chunk(wanted, position, size)
            for score, call_id, call in chunk.rows:
                position = (score, call_id)
                if call is not None and _meets(call, wanted) and is_whole(call):
                    found.append(call)
                if len(found) == limit:
                    return Page(found, cursor_at(*position))
            if chunk.is_last:
                return Page(found, None)
            size = _CHUNK if chunk.rows else size * 2
        return Page(found, cursor_at(*position) if position else None)

    async def _chunk(self, wanted: Wanted, position: tuple[int, str] | None, size: int) -> _Chunk:
        newest = position[0] if position else wanted.until
        members = await self._commands.execute(
            "ZRANGE",
            _index(wanted),
            "+inf" if newest is None else newest,
            "-inf" if wanted.since is None else wanted.since,
            "BYSCORE",
            "REV",
            "LIMIT",
            0,
            size,
            "WITHSCORES",
        )
        pairs = [
            (int(float(members[index + 1])), shown(members[index]))
            for index in range(0, len(members), 2)
        ]
        fresh = [pair for pair in pairs if position is None or pair < position]
        named = await self._named(wanted, [call_id for _, call_id in fresh])
        calls = await asyncio.gather(*(self._snapshot(call_id) for call_id in named))
        found = dict(zip(named, calls, strict=True))
        rows = [(*pair, found.get(pair[1])) for pair in fresh]
        return _Chunk(rows, is_last=len(pairs) < size)

    async def _named(self, wanted: Wanted, ids: list[str]) -> list[str]:
        """Those with the reference that is wanted. An owner's calls are read by the owner's index,
        never by that of a reference: others may use the same, and a cursor would tell of them."""
        if not (wanted.owner and wanted.client_reference is not None and ids):
            return ids
        index = keys.reference(wanted.client_reference)
        scores = await self._commands.execute("ZMSCORE", index, *ids)
        return [call_id for call_id, score in zip(ids, scores, strict=True) if score is not None]

    async def _snapshot(self, call_id: str) -> Snapshot | None:
        return await snapshot_in(self._commands, call_id)


def _index(wanted: Wanted) -> str:
    if wanted.owner:
        return keys.owned(wanted.owner)
    if wanted.client_reference is not None:
        return keys.reference(wanted.client_reference)
    return keys.state(wanted.state) if wanted.state else keys.CALLS


def _meets(call: Snapshot, wanted: Wanted) -> bool:
    return (
        (wanted.state is None or call.state is wanted.state)
        and (wanted.owner is None or call.owner == wanted.owner)
        and (wanted.account_id is None or call.account_id == wanted.account_id)
        and (wanted.extension_id is None or call.extension_id == wanted.extension_id)
    )


def cursor_at(score: int, call_id: str) -> str:
    """The cursor behind a member of an index, for clients to give back."""
    return base64.urlsafe_b64encode(f"{score}:{call_id}".encode()).decode().rstrip("=")


def position_of(cursor: str) -> tuple[int, str]:
    """Where a cursor stands; ValueError where it is not one of ours."""
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        text = base64.urlsafe_b64decode(padded.encode("ascii")).decode()
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not a cursor of this list") from error
    score, _, call_id = text.partition(":")
    if not score.isdecimal() or len(score) > _LONGEST_SCORE:
        raise ValueError("not a cursor of this list")
    return int(score), call_id
