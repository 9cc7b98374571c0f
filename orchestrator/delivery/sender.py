"""One attempt at one delivery: a POST to an allowed address, and what its answer amounts to.

A receiver may be slow, endless, elsewhere or hostile: an attempt is bounded in time and memory,
follows no redirect, and shares no connection with another.
"""

import asyncio
import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

import aiohttp

from orchestrator.delivery.bounded import AnswerTooLong, BoundedConnector
from orchestrator.delivery.names import Names
from orchestrator.delivery.targets import TargetRefused, Targets, guarded

MOST_READ = 64 * 1024
Source = Literal["theirs", "ours"]

_OURS = {errno.ENETUNREACH, errno.ENETDOWN, errno.EMFILE, errno.ENFILE, errno.EADDRNOTAVAIL}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed: a stable code and a sentence, without anything the receiver said."""

    code: str
    message: str
    source: Source = "theirs"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an attempt. `retry_after` is the seconds that the receiver asked for."""

    failure: Failure | None
    status: int | None = None
    retry_after: float | None = None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants nothing any more (410)."""
        return self.status == 410


class Sender:
    """Sends; `timeout` (seconds) bounds an attempt from the first look-up to the last byte."""

    def __init__(self, targets: Targets, user_agent: str, timeout: float = 15.0) -> None:
        self._targets = targets
        self._user_agent = user_agent
        self._timeout = timeout
        self._names = Names()

    async def send(self, url: str, signed: Mapping[str, str], body: bytes, now: int) -> Attempt:
        """POSTs `body`; never raises for what a receiver or the network does."""
        connector = BoundedConnector(
            socket_factory=guarded(self._targets),
            resolver=self._names,
            force_close=True,
            use_dns_cache=False,
        )
        try:
            async with (
                asyncio.timeout(self._timeout),
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    trust_env=False,
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as session,
            ):
                return await self._post(session, url, signed, body, now)
        except TimeoutError:
            message = f"No complete answer within {self._timeout:g} seconds."
            return Attempt(Failure("timeout", message))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Attempt(_failure(error))

    async def _post(
        self,
        session: aiohttp.ClientSession,
        url: str,
        signed: Mapping[str, str],
        body: bytes,
        now: int,
    ) -> Attempt:
        headers = {
            **signed,
            "Content-Type": "application/json",
            "User-Agent": self._user_agent,
            "Accept-Encoding": "identity",
        }
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            status = response.status
            failure = _judged(status)
            if failure is None and not await _ends(response):
                failure = _TOO_LONG
            after = None if failure is None else _retry_after(response.headers, now)
            response.close()
            return Attempt(failure, status, after)


def _judged(status: int) -> Failure | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Failure("redirect", f"The receiver answered {status}; redirects are not followed.")
    return Failure("status", f"The receiver answered {status}.")


async def _ends(response: aiohttp.ClientResponse) -> bool:
    read = 0
    async for chunk in response.content.iter_chunked(16 * 1024):
        read += len(chunk)
        if read > MOST_READ:
            return False
    return True


def _retry_after(headers: Mapping[str, str], now: int) -> float | None:
    """Seconds; given as such or as a date (RFC 9110, 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now / 1000)


_TOO_LONG = Failure("response_too_long", f"The answer has more than {MOST_READ // 1024} KiB.")
_FAILURES: tuple[tuple[type[Exception], Failure], ...] = (
    (TargetRefused, Failure("target_not_allowed", "The host leads to an address not allowed.")),
    (AnswerTooLong, _TOO_LONG),
    (aiohttp.ClientSSLError, Failure("tls", "No trusted TLS connection could be made.")),
    (ConnectionRefusedError, Failure("refused", "The connection was refused.")),
    (
        ConnectionError,
        Failure("disconnected", "The receiver closed the connection before it answered."),
    ),
    (
        aiohttp.ServerDisconnectedError,
        Failure("disconnected", "The receiver closed the connection before it answered."),
    ),
    (aiohttp.InvalidURL, Failure("bad_url", "The URL cannot be sent to.")),
)
"""The first that fits is it; the error's cause is looked at before the error."""

_BAD_RESPONSE = Failure("bad_response", "The answer is not well-formed HTTP, or not complete.")


def _failure(error: Exception) -> Failure:
    cause: Exception = error
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    for kind, failure in _FAILURES:
        if isinstance(cause, kind) or isinstance(error, kind):
            return failure
    number = cause.errno if isinstance(cause, OSError) else None
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        source: Source = "ours" if number == socket.EAI_AGAIN else "theirs"
        return Failure("dns", "The host's name could not be resolved.", source)
    if isinstance(error, aiohttp.ClientConnectorError):
        source = "ours" if number in _OURS else "theirs"
        return Failure("unreachable", "No connection could be made.", source)
    return _BAD_RESPONSE
