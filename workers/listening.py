"""The parts that listen to RingCentral, put together for one worker."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import quote

from orchestrator import __version__
from orchestrator.domain.credentials import Credential
from orchestrator.runtime import Backend, Upstream, hearing, now
from orchestrator.settings import Settings
from orchestrator.settings.derived import notification_secret
from orchestrator.storage.feeds import Feeds
from orchestrator.storage.notices import NoticeBook
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.stream import Stream, streams
from workers import metrics
from workers.ears import Ear, WebhookEar, WebSocketEar
from workers.listen import Gaps, Listener
from workers.reliance import Reliance
from workers.voice import Voice

Loop = tuple[Callable[[], Coroutine[Any, Any, None]], Callable[[], None]]
"""What runs until it is told to stop, and what tells it."""

_CHECKED_EVERY_S = 60.0
NOTIFICATIONS = "/v1/ringcentral/notifications"
"""Where REST hears them, before the credential's name."""


def reliance_with(settings: Settings, parts: Backend, ways: Upstream) -> Reliance:
    """What the looks ask how far they may rely on notifications."""
    feeds = None if settings.notifications == "off" else Feeds(parts.commands)
    return Reliance(feeds, ways.book, now, settings.cadence_factor)


@asynccontextmanager
async def listening(
    settings: Settings, parts: Backend, ways: Upstream
) -> AsyncIterator[list[Loop]]:
    """The loop that listens; none where no notifications are wanted."""
    if settings.notifications == "off":
        yield []
        return
    agent = f"RingOutOrchestrator/{__version__}"
    async with streams(settings.server_url, agent, settings.upstream_timeout) as stream_of:
        feeds, gaps = Feeds(parts.commands), Gaps(NoticeBook(parts.commands))
        making = _Making(settings, parts, ways, stream_of, feeds, gaps)
        listener = Listener(feeds, ways.book, ways.fleet, gaps, making.ear)
        yield [(listener.run, listener.stop)]


class _Making:
    """Makes the ears."""

    def __init__(
        self,
        settings: Settings,
        parts: Backend,
        ways: Upstream,
        stream_of: Callable[[RingCentral], Stream],
        feeds: Feeds,
        gaps: Gaps,
    ) -> None:
        self._settings, self._ways, self._stream_of = settings, ways, stream_of
        self._feeds, self._gaps = feeds, gaps
        self._hearing = hearing(settings, parts)

    def ear(self, credential: Credential, owner: str) -> Ear:
        """The ear of a credential, by the transport that the settings say."""
        settings, name = self._settings, credential.name
        voice = Voice(self._feeds, name, owner, settings.notifications, now)
        client = partial(self._ways.fleet.named, name)
        if settings.notifications == "webhook":
            address = f"{settings.base_url}{NOTIFICATIONS}/{quote(name)}"
            secret = notification_secret(settings, name)
            every = _CHECKED_EVERY_S * settings.cadence_factor
            return WebhookEar(voice, client, (address, secret), every, self._gaps.add)
        return WebSocketEar(
            voice,
            lambda: self._stream_of(client()),
            self._hearing,
            metrics.PROCESS.notified,
            self._gaps.add,
        )
