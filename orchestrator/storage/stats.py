"""How the house stands, in one hash that a dashboard reads without scanning.

One worker at a time counts (a lease says which) and every worker says that it is alive. What is
counted is read from indexes by size and by score: it costs the same with ten calls and with ten
thousand.
"""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.clock import rfc3339
from orchestrator.domain.words import State
from orchestrator.storage import delivery_keys, keys, notice_keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.reading import ids, shown

Fields = Mapping[str, int | float | str]

ALIVE_MS = 15_000
"""A worker that has not been heard of for this long is not alive."""

_WORKER_TTL_MS = 20_000
_FORGOTTEN_AFTER_MS = 60_000
_STATS_TTL_S = 60
_OVERDUE_MS = 5_000
_BUCKET_SHOWN_MS = 900_000
"""A bucket that was not used for so long is not shown."""

_GATE = re.compile(r"gate_(.+)_([a-z]+)_seconds")


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker says of itself; `host` is `host:pid`, `started_at` ms since the epoch."""

    id: str
    host: str
    version: str
    started_at: int


class Stats:
    """Counts, and reads what was counted; StorageUnavailable when Redis does not answer."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def may_count(self, owner: str, lease_ms: int) -> bool:
        """Whether `owner` is the one that counts now; nobody else does for `lease_ms`."""
        answer = await self._commands.run(scripts.ACQUIRE, [keys.REPORTER], owner, lease_ms)
        return bool(answer[0])

    async def count(self) -> None:
        """Counts everything anew."""
        seconds, micros = await self._commands.execute("TIME")
        now = int(seconds) * 1000 + int(micros) // 1000
        shut = int(await self._commands.execute("HGET", keys.HOUSE_GATE, "until") or 0) - now
        counting: list[Awaitable[Fields]] = [
            self._calls(),
            self._queue(now),
            self._looks(now),
            self._deliveries(now),
            self._workers(now),
            self._credentials(),
            self._feeds(),
            self._paused(),
            *(self._bucket(*bucket, now, shut) for bucket in await self._in_use(now)),
        ]
        counted = await asyncio.gather(*counting)
        items = [part for fields in counted for item in fields.items() for part in item]
        await self._commands.run(
            scripts.PUT_HASH, [keys.STATS], _STATS_TTL_S, *items, "updatedAt", rfc3339(now)
        )

    async def read(self) -> dict[str, str]:
        """What was counted last; empty where no worker has for a minute."""
        return _text(await self._commands.execute("HGETALL", keys.STATS))

    async def totals(self) -> dict[str, str]:
        """What there has been; a field comes with the first of its kind."""
        return _text(await self._commands.execute("HGETALL", keys.TOTALS))

    async def beat(self, worker: Worker, now: int, fields: Mapping[str, Any]) -> None:
        """Writes down that a worker is alive and what it does."""
        items = {
            "host": worker.host,
            "version": f"v{worker.version}",
            "startedAt": rfc3339(worker.started_at),
            "beatAt": rfc3339(now),
            **fields,
        }
        await self._commands.run(
            scripts.BEAT,
            [keys.worker(worker.id), keys.WORKERS],
            worker.id,
            _WORKER_TTL_MS,
            _FORGOTTEN_AFTER_MS,
            *(part for item in items.items() for part in item),
        )

    async def farewell(self, worker_id: str) -> None:
        """The worker is gone, and gives back the right to count."""
        await asyncio.gather(
            self._commands.execute("ZREM", keys.WORKERS, worker_id),
            self._commands.execute("DEL", keys.worker(worker_id)),
            self._commands.run(scripts.RELEASE, [keys.REPORTER], worker_id),
        )

    async def workers(self) -> dict[str, dict[str, str]]:
        """What the workers that are alive, or were until lately, last said, by their ids."""
        members = await self._commands.execute("ZRANGE", keys.WORKERS, 0, -1)
        names = ids(members, keys.WORKERS)
        rows = await asyncio.gather(
            *(self._commands.execute("HGETALL", keys.worker(one)) for one in names)
        )
        return {one: _text(row) for one, row in zip(names, rows, strict=True) if row}

    async def _calls(self) -> Fields:
        sizes = await asyncio.gather(*(self._size(keys.state(state)) for state in State))
        counts = {f"calls_{state}": size for state, size in zip(State, sizes, strict=True)}
        live = sum(counts.values()) - counts[f"calls_{State.ENDED}"]
        return {**counts, "liveCalls": live}

    async def _queue(self, now: int) -> Fields:
        ready, deferred, oldest = await asyncio.gather(
            self._between(keys.QUEUE, "-inf", now),
            self._between(keys.QUEUE, f"({now}", "+inf"),
            self._age(keys.QUEUE, now),
        )
        return {"queueReady": ready, "queueDeferred": deferred, "queueOldestSeconds": oldest}

    async def _looks(self, now: int) -> Fields:
        overdue, oldest = await asyncio.gather(
            self._between(keys.LOOKS, "-inf", now - _OVERDUE_MS), self._age(keys.LOOKS, now)
        )
        return {"looksOverdue": overdue, "looksOldestSeconds": oldest}

    async def _deliveries(self, now: int) -> Fields:
        pending, dead, oldest = await asyncio.gather(
            self._size(delivery_keys.PENDING),
            self._size(delivery_keys.DEAD),
            self._age(delivery_keys.PENDING, now),
        )
        names = ("deliveriesPending", "deliveriesDead", "deliveriesOldestSeconds")
        return dict(zip(names, (pending, dead, oldest), strict=True))

    async def _workers(self, now: int) -> Fields:
        return {"workersAlive": await self._between(keys.WORKERS, now - ALIVE_MS, "+inf")}

    async def _credentials(self) -> Fields:
        return {"credentialsParked": int(await self._commands.execute("HLEN", keys.PARKED))}

    async def _feeds(self) -> Fields:
        return {"feedsHealthy": await self._size(notice_keys.FEEDS)}

    async def _paused(self) -> Fields:
        known = await Pauses(self._commands).read()
        return {
            "paused": "yes" if known.house else "no",
            "pausedReason": known.house.reason if known.house else "",
            "pausedKeys": len(known.keys),
        }

    async def _in_use(self, now: int) -> list[tuple[str, str]]:
        members = await self._commands.execute(
            "ZRANGE", keys.BUCKETS, now - _BUCKET_SHOWN_MS, "+inf", "BYSCORE"
        )
        pairs = (member.partition(" ") for member in ids(members, keys.BUCKETS))
        return sorted((credential, group) for credential, _, group in pairs)

    async def _bucket(self, credential: str, group: str, now: int, shut: int) -> Fields:
        closed_ms, allowance = await asyncio.gather(
            self._commands.execute("PTTL", keys.gate(credential, group)),
            self._commands.execute("HMGET", keys.allowance(credential, group), "limit", "window"),
        )
        closed_ms = max(closed_ms, shut)
        name = f"{credential}_{group}"
        fields: dict[str, int | float] = {f"gate_{name}_seconds": max(0, closed_ms) / 1000}
        if allowance[0] is not None:
            limit = int(allowance[0])
            spent = keys.spent(credential, group)
            used = await self._between(spent, f"({now - int(allowance[1])}", "+inf")
            fields[f"budget_{name}_left"] = max(0, limit - used)
            fields[f"budget_{name}_limit"] = limit
        return fields

    async def _size(self, key: str) -> int:
        return int(await self._commands.execute("ZCARD", key))

    async def _between(self, key: str, lowest: int | str, highest: int | str) -> int:
        return int(await self._commands.execute("ZCOUNT", key, lowest, highest))

    async def _age(self, key: str, now: int) -> float:
        """Seconds since the lowest score, 0 where that is yet to come or there is none."""
        first = await self._commands.execute("ZRANGE", key, 0, 0, "WITHSCORES")
        return max(0.0, round((now - float(first[1])) / 1000, 3)) if first else 0.0


def buckets_in(stats: Mapping[str, str]) -> list[tuple[str, str]]:
    """The (credential, group) pairs that the stats tell of."""
    return [(match[1], match[2]) for match in map(_GATE.fullmatch, stats) if match]


def _text(hash_: Mapping[bytes, bytes]) -> dict[str, str]:
    return {shown(name): shown(value) for name, value in hash_.items()}
