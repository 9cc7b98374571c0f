"""Live reads that many ask for at the same moment, made once for all processes."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from orchestrator.domain.errors import (
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.status import Reading
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.records import as_json, from_json

_LONGEST_MS = 25_000
_PATIENCE_S = 25.0
_SHARED_FOR_MS = 1_000
_ASK_AGAIN_S = 0.03
_MARK = "by "

ReadLive = Callable[[], Awaitable[Reading]]


class Glances:
    """Shares one live read, and its answer or its failure for a second, among all who want it."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def shared(
        self, account: str, extension: str, ringout_id: str, read: ReadLive
    ) -> Reading:
        """The reading that `read` answers, here or in another process; raises what it raises."""
        key = keys.glance(account, extension, ringout_id)
        mark = _MARK + uuid4().hex
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while True:
                    answer = await self._commands.run(scripts.ACQUIRE, [key], mark, _LONGEST_MS)
                    if answer[0]:
                        return await self._make(key, mark, read)
                    found = answer[1].decode()
                    if not found.startswith(_MARK):
                        return _read(found)
                    await asyncio.sleep(_ASK_AGAIN_S)
        except TimeoutError as error:
            raise UpstreamFailed("RingCentral took too long.", timed_out=True) from error

    async def _make(self, key: str, mark: str, read: ReadLive) -> Reading:
        try:
            reading = await read()
        except StorageUnavailable:
            raise
        except RingOutError as error:
            await self._share(key, _written(error))
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._commands.run(scripts.RELEASE, [key], mark))
            raise
        await self._share(key, {"reading": [reading.call, reading.caller, reading.callee]})
        return reading

    async def _share(self, key: str, content: dict[str, object]) -> None:
        await self._commands.execute("SET", key, as_json(content), "PX", _SHARED_FOR_MS)


def _written(error: RingOutError) -> dict[str, object]:
    content: dict[str, object] = {"code": error.code, "detail": error.detail}
    if isinstance(error, UpstreamGated | UpstreamUnavailable):
        content["retryAfter"] = error.retry_after
    if isinstance(error, UpstreamRefused):
        content |= {"status": error.http_status, "errorCode": error.error_code}
    return content


def _read(text: str) -> Reading:
    content = from_json(text)
    if "reading" in content:
        return Reading(*content["reading"])
    detail = content["detail"]
    match content["code"]:
        case UpstreamGated.code:
            raise UpstreamGated(detail, content["retryAfter"])
        case UpstreamUnavailable.code:
            raise UpstreamUnavailable(detail, content["retryAfter"])
        case UpstreamGone.code:
            raise UpstreamGone(content["status"], content["errorCode"], detail)
        case UpstreamRefused.code:
            raise UpstreamRefused(content["status"], content["errorCode"], detail)
    raise UpstreamFailed(detail)
