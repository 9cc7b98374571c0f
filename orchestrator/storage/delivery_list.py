"""Deliveries listed, newest events first, a page at a time."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from orchestrator.domain.clock import rfc3339
from orchestrator.storage import delivery_keys, keys
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.listing import cursor_at, position_of
from orchestrator.storage.reading import NOT_READABLE, shown

_CHUNK = 200
_MOST_CHUNKS = 10
_FIELDS = (
    "webhook",
    "event",
    "type",
    "call",
    "state",
    "attempts",
    "createdMs",
    "nextAttemptMs",
    "lastAttemptAt",
    "settledAt",
    "status",
    "failureCode",
    "failure",
    "failureSource",
    "owner",
)

_NEEDED = ("webhook", "event", "type", "call", "state", "createdMs")

log = structlog.get_logger(__name__)

Shown = Mapping[str, Any]
"""A delivery as clients see it, ready for JSON."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Which deliveries: those that meet all that is given. `owner` is of the webhook, or of a
    callback's call; it leaves out what a webhook that hears of all calls is told of others'."""

    state: str | None = None
    webhook: str | None = None
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Deliveries, and the cursor of the next page, None at the end."""

    deliveries: list[Shown]
    cursor: str | None


class DeliveryList:
    """Reads the indexes; raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def get(self, delivery_id: str, owner: str | None = None) -> Shown | None:
        """One delivery; None where there is none, it is another owner's than the one given, tells
        of another owner's call, or cannot be read."""
        return (await self._rows([delivery_id], owner))[0]

    async def page(self, sought: Sought, limit: int, cursor: str | None) -> Page:
        """At most `limit` deliveries after `cursor`; ValueError where that is not one of ours."""
        position = position_of(cursor) if cursor else None
        found: list[Shown] = []
        size = _CHUNK
        for _ in range(_MOST_CHUNKS):
            newest = position[0] if position else "+inf"
            pairs = await self._range(_index(sought), newest, "-inf", size)
            fresh = [pair for pair in pairs if position is None or pair < position]
            rows = await self._rows([name for _, name in fresh], sought.owner)
            for pair, row in zip(fresh, rows, strict=True):
                position = pair
                if row is not None and _meets(row, sought):
                    found.append(row)
                if len(found) == limit:
                    return Page(found, cursor_at(*position))
            if len(pairs) < size:
                return Page(found, None)
            size = _CHUNK if fresh else size * 2
        return Page(found, cursor_at(*position) if position else None)

    async def dead_since(self, webhook_id: str, since: int) -> AsyncIterator[list[str]]:
        """The ids of a webhook's dead deliveries of events since a time (ms), in chunks, the
        oldest first; those that are made anew meanwhile do not disturb."""
        begin: tuple[int, str] = (since, "")
        size = _CHUNK
        while True:
            pairs = await self._range(
                delivery_keys.DEAD, begin[0], "+inf", size, is_newest_first=False
            )
            fresh = [pair for pair in pairs if pair > begin]
            rows = await asyncio.gather(*(self.get(name) for _, name in fresh))
            dead = [row["id"] for row in rows if row is not None and row["webhook"] == webhook_id]
            if dead:
                yield dead
            if len(pairs) < size:
                return
            begin = fresh[-1] if fresh else begin
            size = _CHUNK if fresh else size * 2

    async def _rows(self, ids: Sequence[str], owner: str | None) -> list[Shown | None]:
        """The deliveries in that order, None for what is not there for that owner."""
        rows = await asyncio.gather(*(self._row(name, owner) for name in ids))
        if owner is None:
            return rows
        hidden = await self._of_others([row for row in rows if row is not None], owner)
        return [None if row is None or row["id"] in hidden else row for row in rows]

    async def _row(self, delivery_id: str, owner: str | None) -> Shown | None:
        key = delivery_keys.delivery(delivery_id)
        try:
            values = await self._commands.execute("HMGET", key, *_FIELDS)
        except WrongType:
            return None
        is_other = owner is not None and (values[-1] or b"").decode() != owner
        return None if is_other else _shown(delivery_id, values)

    async def _of_others(self, rows: Sequence[Shown], owner: str) -> set[str]:
        """Those of an owner's deliveries that tell of calls which are not that owner's."""
        names = list({row["webhook"] for row in rows if row["webhook"] is not None})
        marks = await asyncio.gather(
            *(self._field(delivery_keys.webhook(name), "hearsAll") for name in names)
        )
        hear_all = {name for name, mark in zip(names, marks, strict=True) if mark != b""}
        told = [row for row in rows if row["webhook"] in hear_all]
        owners = await asyncio.gather(
            *(self._field(keys.call(row["call"]), "owner") for row in told)
        )
        known = owner.encode()
        return {row["id"] for row, whose in zip(told, owners, strict=True) if whose != known}

    async def _field(self, key: str, name: str) -> bytes | None:
        try:
            found: bytes | None = await self._commands.execute("HGET", key, name)
        except WrongType:
            return None
        return found

    async def _range(
        self,
        index: str,
        first: int | str,
        last: int | str,
        size: int,
        *,
        is_newest_first: bool = True,
    ) -> list[tuple[int, str]]:
        order = ("REV",) if is_newest_first else ()
        members = await self._commands.execute(
            "ZRANGE", index, first, last, "BYSCORE", *order, "LIMIT", 0, size, "WITHSCORES"
        )
        return [
            (int(float(members[at + 1])), shown(members[at])) for at in range(0, len(members), 2)
        ]


def _index(sought: Sought) -> str:
    if sought.webhook is not None:
        return delivery_keys.of_webhook(sought.webhook)
    if sought.owner:
        return delivery_keys.of_owner(sought.owner)
    known = {"pending": delivery_keys.PENDING, "dead": delivery_keys.DEAD}
    return known.get(sought.state or "", delivery_keys.DELIVERIES)


def _meets(row: Shown, sought: Sought) -> bool:
    return sought.state is None or row["state"] == sought.state


def _shown(delivery_id: str, values: list[bytes | None]) -> Shown | None:
    try:
        return None if values[4] is None else _read(delivery_id, values)
    except NOT_READABLE as error:
        log.warning("delivery_not_readable", delivery=delivery_id, error=type(error).__name__)
        return None


def _read(delivery_id: str, values: list[bytes | None]) -> Shown:
    named = zip(_FIELDS, values, strict=True)
    known = {name: value.decode() if value else None for name, value in named}
    if not all(known[name] for name in _NEEDED):
        raise ValueError("a field is missing")
    failure = None
    if known["failureCode"]:
        failure = {
            "code": known["failureCode"],
            "message": known["failure"],
            "source": known["failureSource"],
        }
    status, due = known["status"], known["nextAttemptMs"]
    is_callback = known["webhook"] == delivery_keys.CALLBACK
    return {
        "id": delivery_id,
        "webhook": None if is_callback else known["webhook"],
        "event": known["event"],
        "type": known["type"],
        "call": known["call"],
        "state": known["state"],
        "attempts": int(known["attempts"] or 0),
        "createdAt": rfc3339(int(known["createdMs"] or "")),
        "nextAttemptAt": rfc3339(int(float(due))) if due else None,
        "lastAttemptAt": known["lastAttemptAt"],
        "settledAt": known["settledAt"],
        "status": int(status) if status else None,
        "failure": failure,
    }
