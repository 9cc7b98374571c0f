"""Which calls were asked for to the same phone, so that none is taken for another.

RingCentral's records tell two calls between the same phones apart by nothing but their time. The
key is an HMAC: a plain digest of a phone number could be turned back by trying them all.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Iterable

from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands

_KEPT_S = 900


class Pairs:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands, secret: bytes) -> None:
        self._commands = commands
        self._secret = secret

    async def note(self, call_id: str, callee: str, at: int) -> None:
        """Remembers for a quarter of an hour that the call is about to be asked for, `at` (ms)."""
        await self._commands.run(scripts.NOTE_PAIR, [self._key(callee)], call_id, at, _KEPT_S)

    async def to_any(self, numbers: Iterable[str], at: int, within: int) -> set[str]:
        """The calls to any of the numbers that were asked for `within` ms of `at`."""
        found = await asyncio.gather(
            *(
                self._commands.execute(
                    "ZRANGE", self._key(number), at - within, at + within, "BYSCORE"
                )
                for number in numbers
            )
        )
        return {member.decode() for members in found for member in members}

    def _key(self, number: str) -> str:
        return keys.pair(hmac.new(self._secret, number.encode(), hashlib.sha256).hexdigest())
