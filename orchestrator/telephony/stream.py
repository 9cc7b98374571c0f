"""One credential's WebSocket: notices as they come, for as long as someone listens.

A connection that is lost is made again, with the last session token, so that RingCentral sends
what was missed; where it does not, a gap is told of. Nothing is tried in a tight loop, and every
request is paid for.

RingCentral's guides: docs/notifications/websockets/{subscribing,heart-beats,session-recovery}.md
of ringcentral-api-docs; frames as in packages/extensions/ws of ringcentral-extensible.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from secrets import SystemRandom
from time import monotonic
from uuid import uuid4

import aiohttp
import structlog
from yarl import URL

from orchestrator.domain.cadence import backoff
from orchestrator.domain.errors import (
    Retryable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.notices import Notice
from orchestrator.telephony import notices, wire
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.transport import TRY_AGAIN_AFTER

log = structlog.get_logger(__name__)

_chance = SystemRandom()
_ANSWER_WITHIN_S = 10.0
_PING_EVERY_S = 20.0
"""aiohttp sends ping frames, and closes where no pong comes within half of this."""
_STABLE_S = 30.0
_LONGEST_BACKOFF_MS = 60_000
_RECOVERY_S = 180
_BUFFERED = 100
_LARGEST_FRAME = 2 * notices.LARGEST
_ENDS = frozenset(
    {
        aiohttp.WSMsgType.CLOSE,
        aiohttp.WSMsgType.CLOSING,
        aiohttp.WSMsgType.CLOSED,
        aiohttp.WSMsgType.ERROR,
    }
)


@dataclass(frozen=True, slots=True)
class Listening:
    """From now on notices come; with `gap`, some may have been missed until now."""

    gap: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """No notices come for the moment; `code` says why."""

    code: str


Heard = Notice | Listening | Lost


@asynccontextmanager
async def streams(
    server_url: str, user_agent: str, patience: float
) -> AsyncIterator[Callable[[RingCentral], "Stream"]]:
    """Makes the stream of a client; leaving it closes all connections. `patience` is how long
    (seconds) a connection is waited for."""
    is_encrypted = URL(server_url).scheme == "https"
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=patience),
        headers={"User-Agent": user_agent},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as http:
        yield lambda client: Stream(client, http, encrypted=is_encrypted)


class Stream:
    """`items` tells what is heard; it raises UpstreamRefused where RingCentral does not allow it,
    and StorageUnavailable where nothing can be paid for."""

    def __init__(
        self, client: RingCentral, http: aiohttp.ClientSession, *, encrypted: bool
    ) -> None:
        self._client, self._http, self._encrypted = client, http, encrypted
        self._session: tuple[str, int] | None = None
        self._lost_at = 0.0
        self._recoverable_s = _RECOVERY_S
        self._replayed = 0
        self._buffered = 0

    async def items(self) -> AsyncGenerator[Heard]:
        """All that is heard, until it is closed; connects as often as it must."""
        attempt = 0
        while True:
            listening_at = None
            wait = 0.0
            try:
                async with aclosing(self._connection()) as connection:
                    async for item in connection:
                        listening_at = listening_at or monotonic()
                        yield item
                code = "closed"
            except UpstreamRefused:
                raise
            except (Retryable, UpstreamFailed) as error:
                code = error.code
                wait = error.retry_after if isinstance(error, Retryable) else 0.0
            is_stable = listening_at is not None and monotonic() - listening_at > _STABLE_S
            attempt = 0 if is_stable else attempt + 1
            yield Lost(code)
            pause = backoff(attempt, most=_LONGEST_BACKOFF_MS) / 1000
            await asyncio.sleep(max(wait, pause * _chance.uniform(0.5, 1.5)))

    async def _connection(self) -> AsyncGenerator[Notice | Listening]:
        """One connection, from its ticket to its end."""
        ticket = notices.ticket_of(
            await self._client.look_up(notices.ticket_request()), encrypted=self._encrypted
        )
        try:
            async with (
                self._http.ws_connect(
                    self._address(ticket), heartbeat=_PING_EVERY_S, max_msg_size=_LARGEST_FRAME
                ) as socket,
                aclosing(self._served(socket)) as served,
            ):
                async for item in served:
                    yield item
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            detail = f"RingCentral's WebSocket could not be had ({type(error).__name__})."
            raise UpstreamUnavailable(detail, TRY_AGAIN_AFTER) from error

    def _address(self, ticket: notices.Ticket) -> URL:
        query = {"access_token": ticket.token}
        if self._session is not None and monotonic() - self._lost_at < self._recoverable_s:
            query["wsc"] = self._session[0]
        return URL(ticket.uri).update_query(query)

    async def _served(
        self, socket: aiohttp.ClientWebSocketResponse
    ) -> AsyncGenerator[Notice | Listening]:
        is_recovered = await self._greeted(socket)
        early: list[Notice] = []
        if not is_recovered:
            early = await self._subscribed(socket)
        yield Listening(gap=not is_recovered)
        try:
            for one in early:
                yield one
            while (frame := await _received(socket)) is not None:
                self._noted(frame)
                if frame.kind == notices.ERROR:
                    log.info("websocket_error", code=frame.code)
                if frame.kind != notices.NOTIFICATION:
                    continue
                if self._is_one_too_many():
                    yield Listening(gap=True)
                if (notice := notices.notice_of(frame.body)) is not None:
                    yield notice
        finally:
            self._lost_at = monotonic()

    async def _greeted(self, socket: aiohttp.ClientWebSocketResponse) -> bool:
        """Whether the subscription of the connection before goes on."""
        asked_for, self._session = self._session, None
        frame = await _next(socket)
        if frame.kind != notices.DETAILS:
            raise UpstreamFailed(f"RingCentral's WebSocket began with {frame.code}.")
        self._noted(frame)
        self._recoverable_s = frame.number("recoveryTimeout", _RECOVERY_S)
        self._buffered = frame.number("recoveryBufferSize", _BUFFERED)
        is_recovered = asked_for is not None and frame.recovery == "successful"
        self._replayed = 0 if is_recovered else self._buffered
        return is_recovered

    async def _subscribed(self, socket: aiohttp.ClientWebSocketResponse) -> list[Notice]:
        """Subscribes; the notices that came before the answer."""
        early: list[Notice] = []

        async def sent(request: wire.Request) -> wire.Answer:
            name = str(uuid4())
            await socket.send_str(notices.asking(name, request))
            while True:
                frame = await _next(socket)
                self._noted(frame)
                if frame.kind == notices.ANSWER and frame.message_id == name:
                    return frame.answer
                if (notice := notices.notice_of(frame.body)) is not None:
                    early.append(notice)

        answer = await self._client.through(notices.websocket_request(), sent)
        made = notices.subscription_of(answer)
        if made.refusal:
            detail = "RingCentral does not tell this app of telephony sessions."
            raise UpstreamRefused(403, made.refusal, detail)
        return early

    def _noted(self, frame: notices.Frame) -> None:
        """Keeps the newest session token: any frame may bring one."""
        told = frame.session
        if told is not None and (self._session is None or told[1] >= self._session[1]):
            self._session = told

    def _is_one_too_many(self) -> bool:
        """Whether RingCentral has sent as much of what was missed as it keeps: there was more."""
        self._replayed += 1
        return self._replayed == self._buffered


async def _next(socket: aiohttp.ClientWebSocketResponse) -> notices.Frame:
    """The next frame; UpstreamFailed where the connection ends instead, or none comes in time."""
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            frame = await _received(socket)
    except TimeoutError as error:
        raise UpstreamFailed("RingCentral's WebSocket was silent.", timed_out=True) from error
    if frame is None:
        raise UpstreamFailed("RingCentral's WebSocket ended.")
    return frame


async def _received(socket: aiohttp.ClientWebSocketResponse) -> notices.Frame | None:
    """The next frame that can be read; None where the connection has ended."""
    while True:
        message = await socket.receive()
        if message.type in _ENDS:
            return None
        if message.type is aiohttp.WSMsgType.TEXT:
            frame = notices.frame_of(message.data)
            if frame is not None:
                return frame
