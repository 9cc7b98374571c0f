"""What the sweep asks of Redis: what was left behind, and what is too old to keep."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.domain.words import State
from orchestrator.storage import keys, scripts
from orchestrator.storage.calls import JobEntry
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.reading import ids, shown
from orchestrator.storage.records import Record, readable

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Chunk:
    """Calls of an index, and how many members they stand for, unreadable ones included."""

    records: list[Record]
    size: int


class Upkeep:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def may_sweep(self, owner: str, lease_ms: int) -> bool:
        """Whether `owner` is the one that sweeps now; nobody else does for `lease_ms`."""
        answer = await self._commands.run(scripts.ACQUIRE, [keys.SWEEP], owner, lease_ms)
        return bool(answer[0])

    async def overdue_placings(self) -> list[str]:
        """The calls whose placing lease has ended, by Redis's clock."""
        seconds, micros = await self._commands.execute("TIME")
        server = int(seconds) * 1000 + int(micros) // 1000
        members = await self._commands.execute(
            "ZRANGE", keys.PLACINGS, "-inf", server, "BYSCORE", "LIMIT", 0, _CHUNK
        )
        return ids(members, keys.PLACINGS)

    async def forget_placing(self, call_id: str) -> None:
        """Drops a placing lease that has ended; one that was taken anew meanwhile stays."""
        await self._commands.run(scripts.FORGET_PLACING, [keys.PLACINGS], call_id)

    async def calls_in(self, state: State, before: int, offset: int) -> Chunk:
        """Calls in a state that were accepted `before` (ms), oldest first, from `offset` on.

        A member of the index whose record is gone is dropped from it.
        """
        index = keys.state(state)
        members = await self._commands.execute(
            "ZRANGE", index, "-inf", before, "BYSCORE", "LIMIT", offset, _CHUNK
        )
        rows = await asyncio.gather(*(self._row(shown(member)) for member in members))
        gone = [member for member, row in zip(members, rows, strict=True) if row[0] is None]
        if gone:
            await self._commands.execute("ZREM", index, *gone)
        found = zip(members, rows, strict=True)
        records = [readable(shown(member), row) for member, row in found if row[0] is not None]
        return Chunk([record for record in records if record is not None], len(members) - len(gone))

    async def _row(self, call_id: str) -> Sequence[bytes]:
        """A call's document, private part and revision; empty where it is no record of a call."""
        try:
            row: Sequence[bytes] = await self._commands.execute(
                "HMGET", keys.call(call_id), "document", "private", "revision"
            )
        except WrongType:
            return (b"", b"", b"")
        return row

    async def ensure_look(self, call_id: str) -> bool:
        """Puts a live call into the due-set; False where it was there."""
        seconds, micros = await self._commands.execute("TIME")
        server = int(seconds) * 1000 + int(micros) // 1000
        return bool(await self._commands.execute("ZADD", keys.LOOKS, "NX", server, call_id))

    async def ensure_job(self, job: JobEntry, now: int) -> bool:
        """Writes a job; False where one of its kind waits or runs for the call already."""
        answer = await self._commands.run(
            scripts.ENQUEUE,
            [keys.QUEUE, keys.job(job.kind, job.call_id)],
            keys.job_id(job.kind, job.call_id),
            job.encoded(now),
            job.wait,
            keys.WAKE,
        )
        return bool(answer)

    async def trim_events(self, older_than: int) -> None:
        """Drops the events that were written before `older_than` (ms)."""
        await self._commands.execute("XTRIM", keys.EVENTS, "MINID", "=", max(0, older_than))

    async def trim(self, older_than: int) -> None:
        """Drops from the indexes what was accepted before `older_than` (ms)."""
        for index in (keys.CALLS, keys.state(State.ENDED), keys.BUCKETS):
            await self._commands.execute("ZREMRANGEBYSCORE", index, "-inf", older_than)
