"""How the server does: what INFO and TIME say of it, as far as it matters to what is kept there."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands


@dataclass(frozen=True, slots=True)
class Condition:
    """What a server says of itself; None where it does not. Memory is bytes, `time` milliseconds
    since the epoch by the server's clock."""

    name: str
    version: str
    protocol_version: tuple[int, ...]
    is_replica: bool
    eviction: str | None
    keeps_log: bool
    log_written: bool
    snapshot_written: bool
    memory_used: int
    memory_allowed: int
    time: int


async def condition(commands: Commands) -> Condition:
    """How the server does now; StorageUnavailable."""
    facts = await commands.execute("INFO")
    seconds, micros = await commands.execute("TIME")
    return read(facts, int(seconds) * 1000 + int(micros) // 1000)


def read(facts: Mapping[str, Any], time: int) -> Condition:
    """A server's condition, from its answers to INFO and TIME."""
    version = str(facts.get("redis_version", "0"))
    return Condition(
        name=str(facts.get("server_name", "redis")),
        version=str(facts.get("valkey_version", version)),
        protocol_version=tuple(int(part) for part in version.split(".") if part.isdecimal()),
        is_replica=facts.get("role") == "slave",
        eviction=facts.get("maxmemory_policy"),
        keeps_log=bool(facts.get("aof_enabled")),
        log_written=facts.get("aof_last_write_status", "ok") == "ok",
        snapshot_written=facts.get("rdb_last_bgsave_status", "ok") == "ok",
        memory_used=_bytes(facts.get("used_memory")),
        memory_allowed=_bytes(facts.get("maxmemory")) or _bytes(facts.get("total_system_memory")),
        time=time,
    )


def _bytes(value: object) -> int:
    return value if isinstance(value, int) else 0


class PreflightTurn:
    """The right to ask RingCentral about all credentials: one worker of a fleet does."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def taken(self, owner: str, lease_ms: int) -> bool:
        """Whether it is `owner`'s, now and for `lease_ms`; StorageUnavailable."""
        answer = await self._commands.run(scripts.ACQUIRE, [keys.PREFLIGHT], owner, lease_ms)
        return bool(answer[0])
