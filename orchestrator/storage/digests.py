"""By what a phone number is known where it is not kept: a keyed digest.

A plain digest of a phone number could be turned back by trying them all. The key is the
operator's, or else one that the first process makes up and that stays in Redis.
"""

import hashlib
import hmac
from secrets import token_hex

from orchestrator.storage import keys
from orchestrator.storage.connection import Commands


class Digests:
    """Raises StorageUnavailable where the key is in Redis and Redis does not answer in time."""

    def __init__(self, commands: Commands, key: str | None) -> None:
        self._commands = commands
        self._key = key.encode() if key else None

    async def of(self, number: str) -> str:
        """The digest of a number in E.164 form: 40 hexadecimal digits."""
        key = self._key or await self._kept()
        return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:40]

    async def _kept(self) -> bytes:
        made_up = token_hex(32)
        await self._commands.execute("SET", keys.NUMBERS_KEY, made_up, "NX")
        self._key = key = bytes(await self._commands.execute("GET", keys.NUMBERS_KEY))
        return key
