"""The gate of each rate-limit bucket: closed to every process while RingCentral's penalty runs.

Each request inside a penalty starts the penalty anew, so one process that does not know would
lock an extension out for all.
"""

import time

from orchestrator.domain.errors import UpstreamGated
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands

_TELL_EVERY_S = 1.0


class RedisBudget:
    """Gates in Redis; raises StorageUnavailable without it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._told: dict[tuple[str, str], float] = {}

    async def admit(self, credential: str, group: str) -> None:
        """Returns where a request may be sent; UpstreamGated with the seconds left where not."""
        left = await self._commands.execute("PTTL", keys.gate(credential, group))
        if left > 0:
            raise UpstreamGated("RingCentral's rate limit is spent.", left / 1000)

    async def close_gate(self, credential: str, group: str, seconds: float) -> None:
        """Keeps every process from this bucket for `seconds`, or as long as it is closed already
        where that is longer."""
        gate = keys.gate(credential, group)
        await self._commands.run(scripts.CLOSE_GATE, [gate], max(1, round(seconds * 1000)))

    async def learned(
        self, credential: str, group: str, limit: int, remaining: int, window: int
    ) -> None:
        """Keeps what RingCentral said of this bucket, for dashboards; about once a second."""
        if time.monotonic() - self._told.get((credential, group), -1.0) < _TELL_EVERY_S:
            return
        self._told[credential, group] = time.monotonic()
        key = keys.allowance(credential, group)
        values = ("limit", limit, "remaining", remaining, "window", window)
        await self._commands.run(scripts.PUT_HASH, [key], max(1, window), *values)
