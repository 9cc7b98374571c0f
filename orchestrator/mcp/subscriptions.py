"""Streams of `subscriptions/listen`: an agent is told when a call that it watches has changed.

Each stream has a handler of its own, fed by the event stream in Redis, so that it hears of what
any process did. All of them can be ended together, each with its closing frame.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    ResourceUpdated,
    ServerEvent,
    SubscriptionBus,
)
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.service import CallService
from orchestrator.storage.feed import Subscription

CALL_URI = "ringout://calls/"
MOST_STREAMS = 512
MOST_CALLS = 100
_LATER = "No further stream is opened now; try again later"
_QUIET_S = 60.0


class _StreamBus:
    """One stream's events: those of the whole server, and those published to this stream."""

    def __init__(self, shared: SubscriptionBus) -> None:
        self._shared = shared
        self._own = InMemorySubscriptionBus()

    async def publish(self, event: ServerEvent) -> None:
        await self._own.publish(event)

    def subscribe(self, listener: Callable[[ServerEvent], None]) -> Callable[[], None]:
        ends = (self._own.subscribe(listener), self._shared.subscribe(listener))

        def unsubscribe() -> None:
            for end in ends:
                end()

        return unsubscribe


class Subscriptions:
    """Serves `subscriptions/listen`; `is_draining` once `close` was called."""

    def __init__(self, service: CallService, shared: SubscriptionBus) -> None:
        self._feed = service.feed
        self._shared = shared
        self._streams: set[ListenHandler] = set()
        self.is_draining = False

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """One stream, until its client leaves or `close` is called."""
        uris = frozenset(params.notifications.resource_subscriptions or ())
        if len(uris) > MOST_CALLS:
            raise MCPError(INVALID_PARAMS, f"At most {MOST_CALLS} resources may be watched at once")
        await self._ready()
        if self.is_draining or len(self._streams) >= MOST_STREAMS:
            raise MCPError(INTERNAL_ERROR, _LATER)
        bus = _StreamBus(self._shared)
        stream = ListenHandler(bus)
        calls = [uri for uri in uris if uri.startswith(CALL_URI)]
        tails = {uri: self._feed.subscribed(uri.removeprefix(CALL_URI)) for uri in calls}
        watching = [asyncio.create_task(_watch(uri, tail, bus)) for uri, tail in tails.items()]
        self._streams.add(stream)
        try:
            return await stream(ctx, params)
        finally:
            self._streams.discard(stream)
            for task in watching:
                task.cancel()
            for tail in tails.values():
                tail.close()

    async def _ready(self) -> None:
        """Returns once no change can be missed from then on."""
        try:
            await self._feed.ready()
        except StorageUnavailable as error:
            raise MCPError(INTERNAL_ERROR, f"{error.detail} {_LATER}") from error

    def close(self) -> None:
        """Ends every stream with its closing frame, and opens no other."""
        self.is_draining = True
        for stream in tuple(self._streams):
            stream.close()


async def _watch(uri: str, tail: Subscription, bus: SubscriptionBus) -> None:
    """Tells of each change, and of a gap in what is known of them, until the tail ends."""
    while not tail.is_over:
        if await tail.taken(_QUIET_S):
            await bus.publish(ResourceUpdated(uri))
