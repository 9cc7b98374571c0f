"""By what a phone number is known where it is not kept: a keyed digest.

A plain digest of a phone number could be turned back by trying them all. The key is the
operator's, or else one that the first process makes up and that stays in Redis.

Redis may lose its data while processes run, and the next one would make up another key: a number
that it suppresses would be known to nobody. So what stands in Redis is looked at again and again.
"""

import asyncio
import hashlib
import hmac
import time
from secrets import token_hex

import structlog

from orchestrator.domain.errors import OtherNumbersKey
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands

_MARK = b"operator:"
_OTHER = (
    "RINGOUT_NUMBERS_KEY: should be the key that the digests of numbers in Redis were made with "
    "(left out, where none was set then)"
)
_LOOK_EVERY_S = 1.0

log = structlog.get_logger(__name__)


class Digests:
    """Raises StorageUnavailable when Redis does not answer in time, and OtherNumbersKey."""

    def __init__(self, commands: Commands, key: str | None) -> None:
        self._commands = commands
        self._given = key.encode() if key else b""
        self._mark = _mark(self._given) if key else b""
        self._settled = b""
        self._fresh_until = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def of(self, number: str) -> str:
        """The digest of a number in E.164 form, or of other text: 40 hexadecimal digits.

        Its key is the one that Redis knew of within the last second.
        """
        if time.monotonic() >= self._fresh_until:
            await self._look()
        return hmac.new(self._settled, number.encode(), hashlib.sha256).hexdigest()[:40]

    async def _look(self) -> None:
        """All uses of the same moment look together; one that is cancelled stops no other."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._settle())
        await asyncio.shield(self._looking)

    async def _settle(self) -> None:
        """Agrees with Redis on the key, which is told of it where it knows of none (any more)."""
        began = time.monotonic()
        mine = self._mark or self._settled or token_hex(32).encode()
        was_known = bool(self._settled)
        while (found := await self._commands.execute("GET", keys.NUMBERS_KEY)) is None:
            if was_known:
                log.warning("numbers_key_lost")
            await self._commands.execute("SET", keys.NUMBERS_KEY, mine, "NX")
        if found != self._mark if self._mark else found.startswith(_MARK):
            raise OtherNumbersKey(f"{_OTHER}; nothing was done.", retry_after=60)
        if was_known and found != mine:
            log.warning("numbers_key_replaced")
        self._settled = self._given or bytes(found)
        self._fresh_until = began + _LOOK_EVERY_S


def _mark(key: bytes) -> bytes:
    """By which the operator's key is recognised; it stays out of Redis."""
    return _MARK + hmac.new(key, b"ringout numbers", hashlib.sha256).hexdigest()[:32].encode()
