"""How many attempts to authenticate have failed lately, by the address that they came from.

Of IPv6 the network of 64 bits counts: who has one of its addresses has all of them (RFC 4291).
"""

import ipaddress

import structlog

from orchestrator.storage import access_keys as keys
from orchestrator.storage import scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.reading import NOT_READABLE

WINDOW_MS = 60_000

log = structlog.get_logger(__name__)


class Failures:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def count(self, address: str) -> int:
        """How many there are in the minute that runs; none where what is kept is no count, which
        the next failure begins anew."""
        try:
            return int(await self._commands.execute("GET", _key(address)) or 0)
        except NOT_READABLE as error:
            log.warning("failures_not_readable", error=type(error).__name__)
            return 0

    async def left(self, address: str) -> float:
        """Seconds until the count begins anew."""
        left = await self._commands.execute("PTTL", _key(address))
        return max(0, int(left)) / 1000

    async def note(self, address: str) -> None:
        """Counts one more."""
        await self._commands.run(scripts.NOTE_FAILURE, [_key(address)], WINDOW_MS)


def _key(address: str) -> str:
    try:
        found = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return keys.failures(address)
    if found.ipv4_mapped is not None:
        return keys.failures(str(found.ipv4_mapped))
    return keys.failures(str(ipaddress.IPv6Network((int(found), 64), strict=False)))
