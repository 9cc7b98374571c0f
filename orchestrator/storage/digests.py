"""By what a phone number is known where it is not kept: a keyed digest.

A plain digest of a phone number could be turned back by trying them all. The key is the
operator's, or else one that the first process makes up and that stays in Redis.
"""

import hashlib
import hmac
from secrets import token_hex

from orchestrator.domain.errors import OtherNumbersKey
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands

_MARK = b"operator:"
_OTHER = (
    "RINGOUT_NUMBERS_KEY: should be the key that the digests of numbers in Redis were made with "
    "(left out, where none was set then)"
)


class Digests:
    """Raises StorageUnavailable when Redis does not answer in time, and OtherNumbersKey."""

    def __init__(self, commands: Commands, key: str | None) -> None:
        self._commands = commands
        self._given = key.encode() if key else None
        self._settled = b""

    async def of(self, number: str) -> str:
        """The digest of a number in E.164 form, or of other text: 40 hexadecimal digits."""
        key = self._settled or await self._settle()
        return hmac.new(key, number.encode(), hashlib.sha256).hexdigest()[:40]

    async def _settle(self) -> bytes:
        """The key; OtherNumbersKey where Redis knows of another than the operator's."""
        mine = _mark(self._given) if self._given else token_hex(32).encode()
        await self._commands.execute("SET", keys.NUMBERS_KEY, mine, "NX")
        found = bytes(await self._commands.execute("GET", keys.NUMBERS_KEY) or b"")
        if found != mine if self._given else found.startswith(_MARK):
            raise OtherNumbersKey(f"{_OTHER}; nothing was done.", retry_after=60)
        self._settled = self._given or found
        return self._settled


def _mark(key: bytes) -> bytes:
    """By which the operator's key is recognised; it stays out of Redis."""
    return _MARK + hmac.new(key, b"ringout numbers", hashlib.sha256).hexdigest()[:32].encode()
