"""Deliveries to `callbackUrl`s that wait: who has too many of them may not make more."""

from typing import Final

from orchestrator.domain.errors import VelocityExceeded
from orchestrator.storage import delivery_keys
from orchestrator.storage.connection import Commands
from orchestrator.storage.deliveries import PENDING_TTL_S

MOST_CALLBACKS: Final = 20_000
"""Pending deliveries to the callbackUrls of one owner's calls, above which no further call may
have one: each is a record of some two kilobytes, kept for days where nobody answers."""
POLICY: Final = "callbacks.waiting"
_RETRY_AFTER_S = 60


class Backlog:
    """What is under way to the `callbackUrl`s of an owner's calls."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def check(self, owner: str, now: int) -> None:
        """VelocityExceeded where as many deliveries as may be wait, at `now` (ms);
        StorageUnavailable when Redis does not answer in time."""
        oldest = now - 1000 * PENDING_TTL_S
        index = delivery_keys.of_callbacks(owner)
        waiting = await self._commands.execute("ZCOUNT", index, oldest, "+inf")
        if int(waiting) >= MOST_CALLBACKS:
            detail = (
                f"As many deliveries as may be wait for the receivers of callbackUrls ("
                f"{MOST_CALLBACKS}): they have to take them, or the call to do without one."
            )
            raise VelocityExceeded(POLICY, detail, _RETRY_AFTER_S)
