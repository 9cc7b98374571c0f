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

    async def note(
        self, call_id: str, callee: str, at: int, ends: frozenset[str] = frozenset()
    ) -> None:
        """Remembers for a quarter of an hour that the call is about to be asked for, `at` (ms);
        `ends` are the full numbers of both its ends, as far as the request names them."""
        digests = sorted(self.digests(ends | {callee}))
        noted = [self._key(callee), keys.ends(call_id)]
        await self._commands.run(scripts.NOTE_PAIR, noted, call_id, at, _KEPT_S, " ".join(digests))

    async def ends_of(self, call_id: str) -> frozenset[str]:
        """The digests of a call's ends, for as long as its pair is remembered; none after that."""
        kept = await self._commands.execute("GET", keys.ends(call_id))
        return frozenset((kept or b"").decode().split())

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

    def digests(self, numbers: Iterable[str]) -> frozenset[str]:
        """What full numbers are known by here."""
        return frozenset(self._digest(number) for number in numbers)

    async def forget(self, number: str) -> None:
        """Drops what is remembered of the calls to a number."""
        await self._commands.execute("DEL", self._key(number))

    def _key(self, number: str) -> str:
        return keys.pair(self._digest(number))

    def _digest(self, number: str) -> str:
        return hmac.new(self._secret, number.encode(), hashlib.sha256).hexdigest()
