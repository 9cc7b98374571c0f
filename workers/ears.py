"""Ears: how one credential's notifications are got, by WebSocket or by webhook, until cancelled."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from secrets import SystemRandom
from typing import Protocol

from orchestrator.domain.cadence import backoff
from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamRefused,
)
from orchestrator.domain.notices import Notice
from orchestrator.service.hearing import Heard, Hearing
from orchestrator.storage.feeds import FeedState
from orchestrator.telephony import notices
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.stream import Listening, Lost, Stream
from workers.voice import Voice

REFUSED_FOR_S = 600.0
"""Permissions are given by people: who is refused asks again after this."""

LIFE_S = 604_800
"""A week: what RingCentral gives a webhook's subscription by default."""

_chance = SystemRandom()
_RENEWED_BELOW_S = LIFE_S / 5
_AWAY_S = 1.0
_LONGEST_BACKOFF_MS = 60_000
_MAY_NOT = (401, 403)

Counts = Callable[[str, str], None]
Missed = Callable[[str], None]


class Ear(Protocol):
    """One way to listen."""

    voice: Voice
    goes_on: bool
    """Whether notices come all the same while nobody runs it."""

    async def run(self) -> None:
        """Listens until it is cancelled."""
        ...


class WebSocketEar:
    """Listens by a WebSocket. `missed` is called where notices may have been missed."""

    goes_on = False

    def __init__(
        self,
        voice: Voice,
        stream: Callable[[], Stream],
        hearing: Hearing,
        counts: Counts,
        missed: Missed,
    ) -> None:
        self.voice = voice
        self._stream, self._hearing = stream, hearing
        self._counts, self._missed = counts, missed

    async def run(self) -> None:
        """Listens until it is cancelled."""
        await self.voice.again()
        while True:
            try:
                async with aclosing(self._stream().items()) as items:
                    async for item in items:
                        await self._take(item)
            except UpstreamRefused as refusal:
                await self.voice.says(FeedState.REFUSED, refusal.error_code)
                await asyncio.sleep(REFUSED_FOR_S)
            except StorageUnavailable as unavailable:
                await self.voice.says(FeedState.LOST, unavailable.code)
                await asyncio.sleep(_AWAY_S)

    async def _take(self, item: Notice | Listening | Lost) -> None:
        if isinstance(item, Lost):
            await self.voice.says(FeedState.LOST, item.code)
        elif isinstance(item, Listening):
            await self.voice.says(FeedState.LISTENING)
            if item.gap:
                self._missed(self.voice.credential)
        else:
            await self._hear(item)

    async def _hear(self, notice: Notice) -> None:
        try:
            heard = await self._hearing.heard(self.voice.credential, notice)
        except StorageUnavailable:
            heard = Heard.LOST
            self._missed(self.voice.credential)
        self._counts(self.voice.transport, heard)


class WebhookEar:
    """Keeps the one subscription by which RingCentral sends to REST: it makes it, looks after it
    every `every` seconds, renews it, and makes it anew where RingCentral has blacklisted it.

    `target` is the address, and the secret that is shown with each notification.
    """

    goes_on = True

    def __init__(
        self,
        voice: Voice,
        client: Callable[[], RingCentral],
        target: tuple[str, str],
        every: float,
        missed: Missed,
    ) -> None:
        self.voice = voice
        self._client, self._every, self._missed = client, every, missed
        self._address, self._secret = target

    async def run(self) -> None:
        """Looks after it until it is cancelled."""
        await self.voice.again()
        attempt = 0
        while True:
            try:
                await self._look_after()
            except (Retryable, UpstreamFailed, UpstreamRefused) as error:
                wait = await self._told(error, attempt)
                attempt += 1
            else:
                wait, attempt = self._every, 0
            await asyncio.sleep(wait)

    async def _told(self, error: RingOutError, attempt: int) -> float:
        """Says why the feed is not there; the seconds until it is tried again."""
        if isinstance(error, UpstreamRefused):
            if error.http_status in _MAY_NOT:
                await self.voice.says(FeedState.REFUSED, error.error_code)
                return REFUSED_FOR_S
            await self.voice.says(FeedState.LOST, error.error_code)
        else:
            await self.voice.says(FeedState.LOST, error.code)
        pause = backoff(attempt, 1_000, _LONGEST_BACKOFF_MS) / 1000 * _chance.uniform(0.5, 1.5)
        return max(error.retry_after if isinstance(error, Retryable) else 0.0, pause)

    async def _look_after(self) -> None:
        client = self._client()
        listed = notices.subscriptions_of(await client.look_up(notices.list_request()))
        own = [one for one in listed if one.address == self._address]
        good = next((one for one in own if one.is_active and not one.refusal), None)
        for one in own:
            if one is not good:
                notices.ended(await client.look_up(notices.end_request(one.id)))
        if good is None:
            good = await self._made(client)
            self._missed(self.voice.credential)
        elif good.expires_in < _RENEWED_BELOW_S:
            renewed = await client.look_up(notices.renew_request(good.id))
            good = notices.subscription_of(renewed)
        await self.voice.says(FeedState.LISTENING, subscription=good.id)

    async def _made(self, client: RingCentral) -> notices.Subscription:
        request = notices.webhook_request(self._address, self._secret, LIFE_S)
        made = notices.subscription_of(await client.look_up(request))
        if made.refusal:
            notices.ended(await client.look_up(notices.end_request(made.id)))
            detail = "RingCentral does not tell this app of telephony sessions."
            raise UpstreamRefused(403, made.refusal, detail)
        return made
