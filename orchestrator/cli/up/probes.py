"""Whether what `ringout up` started is ready, asked the way a client would."""

import asyncio
import ssl

from orchestrator.cli.addresses import Address
from orchestrator.cli.ending import Ended
from orchestrator.cli.up.children import Child
from orchestrator.runtime import backend
from orchestrator.settings import Settings
from orchestrator.settings.addresses import authority, reachable
from orchestrator.storage.connection import FRONT_END

_ANSWER_WITHIN_S = 3.0


async def has_said(child: Child, word: str) -> bool:
    """Whether the process has said a line with `word` in it on stdout."""
    return any(word in line for line in child.said)


async def answers(address: Address, path: str) -> bool:
    """Whether a GET of `path` there is answered with 200."""
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            return await _status(address, path) == b"200"
    except (OSError, TimeoutError):
        return False


async def _status(address: Address, path: str) -> bytes:
    host, port = reachable(address.host), address.port
    tls = _unchecked() if address.scheme == "https" else None
    reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    try:
        at = authority(host, port)
        request = f"GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        words = (await reader.readline()).split()
        return words[1] if len(words) > 1 else b""
    finally:
        writer.close()


def _unchecked() -> ssl.SSLContext:
    """For a process just started here, whose certificate names it as others call it."""
    tls = ssl.create_default_context()
    tls.check_hostname = False
    tls.verify_mode = ssl.CERT_NONE
    return tls


async def require_redis(settings: Settings) -> None:
    """Ended where the Redis of REDIS_URL does not answer."""
    async with backend(settings, FRONT_END) as parts:
        if not await parts.is_alive():
            raise Ended("REDIS_URL: Redis does not answer there; `ringout doctor` says more")
