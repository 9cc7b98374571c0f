"""Live reads that many ask for at the same moment, made once for all processes."""

import asyncio
from collections.abc import Awaitable, Callable

from orchestrator.domain.errors import StorageUnavailable, UpstreamFailed
from orchestrator.domain.status import Reading
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands

_UNDER_WAY = b"?"
_LONGEST_MS = 15_000
_SHARED_FOR_MS = 1_000
_ASK_AGAIN_S = 0.03

ReadLive = Callable[[], Awaitable[Reading]]


class Glances:
    """Shares one live read, and its answer for a second, among all who want it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def shared(
        self, account: str, extension: str, ringout_id: str, read: ReadLive
    ) -> Reading:
        """The reading that `read` answers, here or in another process; raises what it raises.

        One that waits for another's read which fails makes its own.
        """
        key = keys.glance(account, extension, ringout_id)
        while True:
            mine = await self._commands.execute("SET", key, _UNDER_WAY, "NX", "PX", _LONGEST_MS)
            if mine:
                return await self._make(key, read)
            answer = await self._commands.execute("GET", key)
            if answer is not None and answer != _UNDER_WAY:
                call, caller, callee = answer.decode().split("\n")
                return Reading(call, caller, callee)
            await asyncio.sleep(_ASK_AGAIN_S)

    async def _make(self, key: str, read: ReadLive) -> Reading:
        reading: Reading | None = None
        try:
            reading = await read()
        finally:
            if reading is None:
                await self._forget(key)
        text = f"{reading.call}\n{reading.caller}\n{reading.callee}"
        if text.count("\n") != 2:
            raise UpstreamFailed("RingCentral's status words cannot be read.")
        await self._commands.execute("SET", key, text, "PX", _SHARED_FOR_MS)
        return reading

    async def _forget(self, key: str) -> None:
        try:
            await self._commands.execute("DEL", key)
        except StorageUnavailable:
            return
