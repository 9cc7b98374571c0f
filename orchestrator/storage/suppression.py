"""The numbers that are never rung, by their digests: people who asked to be left alone."""

from orchestrator.storage import keys
from orchestrator.storage.connection import Commands
from orchestrator.storage.digests import Digests


class Suppressed(Exception):
    """One of the call's phones is never to be rung."""


class Suppression:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands, digests: Digests) -> None:
        self._commands = commands
        self.digests = digests

    async def add(self, number: str) -> bool:
        """Whether the number, in E.164 form, was not suppressed before."""
        digest = await self.digests.of(number)
        return bool(await self._commands.execute("SADD", keys.SUPPRESSED, digest))

    async def remove(self, number: str) -> bool:
        """Whether the number was suppressed before."""
        digest = await self.digests.of(number)
        return bool(await self._commands.execute("SREM", keys.SUPPRESSED, digest))

    async def holds(self, *numbers: str) -> list[bool]:
        """Whether each of the numbers is suppressed."""
        if not numbers:
            return []
        digests = [await self.digests.of(number) for number in numbers]
        found = await self._commands.execute("SMISMEMBER", keys.SUPPRESSED, *digests)
        return [bool(one) for one in found]

    async def count(self) -> int:
        """How many numbers are suppressed."""
        return int(await self._commands.execute("SCARD", keys.SUPPRESSED))
