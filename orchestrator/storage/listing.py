"""Calls listed, newest first, a page at a time."""

import asyncio
import base64
import binascii
from dataclasses import dataclass

from orchestrator.domain.words import State
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands
from orchestrator.storage.records import SNAPSHOT_FIELDS, Snapshot, snapshot

_CHUNK = 200
_MOST_CHUNKS = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: those that meet every filter given. Times are milliseconds since the epoch."""

    state: State | None = None
    client_reference: str | None = None
    since: int | None = None
    until: int | None = None
    account_id: str | None = None
    extension_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, and the cursor of the next page, None at the end."""

    calls: list[Snapshot]
    cursor: str | None


class CallList:
    """Reads the indexes; raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def page(self, wanted: Wanted, limit: int, cursor: str | None) -> Page:
        """At most `limit` calls after `cursor`; ValueError where that is not one of ours.

        A page may be short, or empty, and have a cursor all the same: a filter that few calls
        meet is applied to a bounded number of them at a time.
        """
        position = _position(cursor) if cursor else None
        found: list[Snapshot] = []
        for _ in range(_MOST_CHUNKS):
            chunk = await self._chunk(wanted, position)
            for score, call in chunk:
                position = (score, call.id if call else position[1] if position else "")
                if call is not None and _meets(call, wanted):
                    found.append(call)
                if len(found) == limit:
                    return Page(found, _cursor(found[-1].accepted_at, found[-1].id))
            if len(chunk) < _CHUNK:
                return Page(found, None)
        return Page(found, _cursor(*position) if position else None)

    async def _chunk(
        self, wanted: Wanted, position: tuple[int, str] | None
    ) -> list[tuple[int, Snapshot | None]]:
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
            _CHUNK,
            "WITHSCORES",
        )
        pairs = [
            (int(float(members[index + 1])), members[index].decode())
            for index in range(0, len(members), 2)
        ]
        fresh = [pair for pair in pairs if position is None or _is_after(pair, position)]
        calls = await asyncio.gather(*(self._snapshot(call_id) for _, call_id in fresh))
        return [(score, call) for (score, _), call in zip(fresh, calls, strict=True)]

    async def _snapshot(self, call_id: str) -> Snapshot | None:
        values = await self._commands.execute("HMGET", keys.call(call_id), *SNAPSHOT_FIELDS)
        return snapshot(call_id, values)


def _is_after(pair: tuple[int, str], position: tuple[int, str]) -> bool:
    return pair[0] < position[0] or (pair[0] == position[0] and pair[1] < position[1])


def _index(wanted: Wanted) -> str:
    if wanted.client_reference is not None:
        return keys.reference(wanted.client_reference)
    return keys.state(wanted.state) if wanted.state else keys.CALLS


def _meets(call: Snapshot, wanted: Wanted) -> bool:
    return (
        (wanted.state is None or call.state is wanted.state)
        and (wanted.account_id is None or call.account_id == wanted.account_id)
        and (wanted.extension_id is None or call.extension_id == wanted.extension_id)
    )


def _cursor(score: int, call_id: str) -> str:
    return base64.urlsafe_b64encode(f"{score}:{call_id}".encode()).decode().rstrip("=")


def _position(cursor: str) -> tuple[int, str]:
    padded = cursor + "=" * (-len(cursor) % 4)
    try:
        score, _, call_id = base64.urlsafe_b64decode(padded.encode("ascii")).decode().partition(":")
        return int(score), call_id
    except (binascii.Error, UnicodeError) as error:
        raise ValueError("not a cursor of this list") from error
