"""Live reads that many ask for at the same moment, made once for all processes.

What lists calls names their phones in full: it is shared encrypted, for the seconds that it is
shared at all.
"""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from orchestrator.domain.errors import (
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.evidence import CallRecord, Sighting
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
ReadPresence = Callable[[], Awaitable[list[Sighting]]]
ReadRecords = Callable[[], Awaitable[list[CallRecord]]]


class Glances:
    """Shares one live read, and its answer or its failure for a while, among all who want it."""

    def __init__(self, commands: Commands, secret: bytes) -> None:
        """Processes with the same secret share what lists calls."""
        self._commands = commands
        derived = HKDF(SHA256(), 32, salt=None, info=b"ringout glances").derive(secret)
        self._seal = Fernet(urlsafe_b64encode(derived))

    async def shared(
        self, account: str, extension: str, ringout_id: str, read: ReadLive
    ) -> Reading:
        """The reading that `read` answers, here or in another process within a second; raises
        what it raises."""

        async def content() -> list[str]:
            reading = await read()
            return [reading.call, reading.caller, reading.callee]

        key = keys.glance(account, extension, ringout_id)
        return Reading(*await self._shared(key, content, _SHARED_FOR_MS))

    async def presence(
        self, account: str, extension: str, read: ReadPresence, shared_for: int
    ) -> list[Sighting]:
        """What `read` answers, here or in another process within `shared_for` milliseconds; raises
        what it raises."""

        async def content() -> str:
            return self._sealed(
                [
                    [one.session_id, one.status, one.started_at, sorted(one.numbers)]
                    for one in await read()
                ]
            )

        key = keys.glance(account, extension, "")
        rows = self._opened(await self._shared(key, content, shared_for))
        return [
            Sighting(session_id, status, started_at, frozenset(numbers))
            for session_id, status, started_at, numbers in rows
        ]

    async def records(
        self, account: str, extension: str, name: str, read: ReadRecords, shared_for: int
    ) -> list[CallRecord]:
        """The list of an extension's calls called `name`: what `read` answers, here or in another
        process within `shared_for` milliseconds; raises what it raises."""

        async def content() -> str:
            return self._sealed(
                [
                    [
                        row.session_id,
                        row.started_at,
                        sorted(row.numbers),
                        row.is_ringout,
                        row.result,
                    ]
                    for row in await read()
                ]
            )

        key = keys.glance(account, extension, f"/{name}")
        rows = self._opened(await self._shared(key, content, shared_for))
        return [
            CallRecord(session_id, started_at, frozenset(numbers), is_ringout, result)
            for session_id, started_at, numbers, is_ringout, result in rows
        ]

    def _sealed(self, rows: list[list[Any]]) -> str:
        return self._seal.encrypt(as_json(rows).encode()).decode()

    def _opened(self, sealed: str) -> list[list[Any]]:
        """UpstreamFailed for what a process with another secret has shared."""
        try:
            rows: list[list[Any]] = from_json(self._seal.decrypt(sealed))
        except InvalidToken:
            raise UpstreamFailed("Another process's answer cannot be read here.") from None
        return rows

    async def _shared(self, key: str, read: Callable[[], Awaitable[Any]], shared_for: int) -> Any:
        mark = _MARK + uuid4().hex
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while True:
                    answer = await self._commands.run(scripts.ACQUIRE, [key], mark, _LONGEST_MS)
                    if answer[0]:
                        return await self._make(key, mark, read, shared_for)
                    found = answer[1].decode()
                    if not found.startswith(_MARK):
                        return _read(found)
                    await asyncio.sleep(_ASK_AGAIN_S)
        except TimeoutError as error:
            raise UpstreamFailed("RingCentral took too long.", timed_out=True) from error

    async def _make(
        self, key: str, mark: str, read: Callable[[], Awaitable[Any]], shared_for: int
    ) -> Any:
        try:
            content = await read()
        except StorageUnavailable:
            raise
        except RingOutError as error:
            await self._share(key, _written(error), _SHARED_FOR_MS)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(self._commands.run(scripts.RELEASE, [key], mark))
            raise
        await self._share(key, {"content": content}, shared_for)
        return content

    async def _share(self, key: str, content: dict[str, Any], shared_for: int) -> None:
        await self._commands.execute("SET", key, as_json(content), "PX", shared_for)


def _written(error: RingOutError) -> dict[str, Any]:
    content: dict[str, Any] = {"code": error.code, "detail": error.detail}
    if isinstance(error, UpstreamGated | UpstreamUnavailable):
        content["retryAfter"] = error.retry_after
    if isinstance(error, UpstreamRefused):
        content |= {"status": error.http_status, "errorCode": error.error_code}
    return content


def _read(text: str) -> Any:
    content = from_json(text)
    if "content" in content:
        return content["content"]
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
