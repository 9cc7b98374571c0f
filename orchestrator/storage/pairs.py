"""Which calls were asked for between the same two phones, so that none is taken for another.

RingCentral's records tell two such calls apart by nothing but their time. The key is an HMAC: a
plain digest of two phone numbers could be turned back by trying them all.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Collection

from orchestrator.domain.calls import Call
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands

_KEPT_S = 900


class Pairs:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands, secret: bytes) -> None:
        self._commands = commands
        self._secret = secret

    async def note(self, call: Call, numbers: Collection[str], at: int) -> None:
        """Remembers for a quarter of an hour that the call is about to be asked for, `at` (ms)."""
        key = self._key(call, numbers)
        await asyncio.gather(
            self._commands.execute("ZADD", key, at, call.id),
            self._commands.execute("EXPIRE", key, _KEPT_S),
        )

    async def others(self, call: Call, numbers: Collection[str], at: int, within: int) -> list[str]:
        """The other calls between the same phones that were asked for `within` ms of `at`."""
        key = self._key(call, numbers)
        members = await self._commands.execute("ZRANGE", key, at - within, at + within, "BYSCORE")
        return [member.decode() for member in members if member.decode() != call.id]

    def _key(self, call: Call, numbers: Collection[str]) -> str:
        text = "\n".join((call.account_id, call.extension_id, *sorted(numbers)))
        return keys.pair(hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest())
