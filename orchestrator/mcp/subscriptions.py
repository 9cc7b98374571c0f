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

from orchestrator.service import CallService

CALL_URI = "ringout://calls/"
MOST_STREAMS = 512
MOST_CALLS = 100


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
        self._service = service
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
        if self.is_draining or len(self._streams) >= MOST_STREAMS:
            raise MCPError(INTERNAL_ERROR, "No further stream is opened now; try again later")
        bus = _StreamBus(self._shared)
        stream = ListenHandler(bus)
        calls = [uri for uri in uris if uri.startswith(CALL_URI)]
        watching = [asyncio.create_task(self._watch(uri, bus)) for uri in calls]
        self._streams.add(stream)
        try:
            return await stream(ctx, params)
        finally:
            self._streams.discard(stream)
            for task in watching:
                task.cancel()

    async def _watch(self, uri: str, bus: _StreamBus) -> None:
        async with self._service.feed.watching(uri.removeprefix(CALL_URI)) as changed:
            while True:
                await changed.wait()
                changed.clear()
                await bus.publish(ResourceUpdated(uri))

    def close(self) -> None:
        """Ends every stream with its closing frame, and opens no other."""
        self.is_draining = True
        for stream in tuple(self._streams):
            stream.close()
