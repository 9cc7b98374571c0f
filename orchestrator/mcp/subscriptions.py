"""Streams of `subscriptions/listen`: an agent is told when a call that it watches has changed.

Each stream has a handler of its own, fed by the event stream in Redis, so that it hears of what
any process did. It watches calls of who asks alone, and ends when the credentials that opened it
serve no more. All of them can be ended together, each with its closing frame.
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

from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.errors import (
    CallNotFound,
    IdentityUnavailable,
    InsufficientScope,
    InvalidRequest,
    Retryable,
    StorageUnavailable,
    TooManyFailures,
    Unauthenticated,
)
from orchestrator.mcp.arguments import CallArguments, understood
from orchestrator.mcp.asker import Admission, admission_of
from orchestrator.service import CallService
from orchestrator.storage.feed import Subscription

CALL_URI = "ringout://calls/"
MOST_STREAMS = 512
MOST_CALLS = 100
_LATER = "No further stream is opened now; try again later"
_QUIET_S = 60.0
_PROVED_EVERY_S = 5.0


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

    def __init__(
        self,
        service: CallService,
        shared: SubscriptionBus,
        proved_every: float = _PROVED_EVERY_S,
    ) -> None:
        """Who opened a stream is proved again every so many seconds."""
        self._service = service
        self._proved_every = proved_every
        self._feed = service.feed
        self._shared = shared
        self._streams: set[ListenHandler] = set()
        self.is_draining = False

    @property
    def count(self) -> int:
        """How many streams are open."""
        return len(self._streams)

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
    ) -> SubscriptionsListenResult:
        """One stream, until its client leaves or `close` is called."""
        uris = frozenset(params.notifications.resource_subscriptions or ())
        if len(uris) > MOST_CALLS:
            raise MCPError(INVALID_PARAMS, f"At most {MOST_CALLS} resources may be watched at once")
        admission = admission_of(ctx)
        await self._ready()
        ids = await self._ids(admission.asker, [uri for uri in uris if uri.startswith(CALL_URI)])
        if self.is_draining or len(self._streams) >= MOST_STREAMS:
            raise MCPError(INTERNAL_ERROR, _LATER)
        bus = _StreamBus(self._shared)
        stream = ListenHandler(bus)
        tails = {uri: self._feed.subscribed(call_id) for uri, call_id in ids.items()}
        beside = [asyncio.create_task(_watch(uri, tail, bus)) for uri, tail in tails.items()]
        beside.append(asyncio.create_task(self._prove(admission, stream)))
        self._streams.add(stream)
        try:
            return await stream(ctx, params)
        finally:
            self._streams.discard(stream)
            for task in beside:
                task.cancel()
            for tail in tails.values():
                tail.close()

    async def _ids(self, asker: Principal, uris: list[str]) -> dict[str, str]:
        """The ids of the calls at these URIs; one answer for what is not there and what is not
        the asker's."""
        try:
            asker.require(Scope.READ)
            found = await asyncio.gather(*(self._id(asker, uri) for uri in uris))
        except InsufficientScope as error:
            raise MCPError(INVALID_PARAMS, f"{error.code}: {error.detail}") from error
        except (CallNotFound, InvalidRequest) as error:
            raise MCPError(INVALID_PARAMS, "There is no such call.") from error
        except StorageUnavailable as error:
            raise MCPError(INTERNAL_ERROR, f"{error.detail} {_LATER}") from error
        return dict(zip(uris, found, strict=True))

    async def _id(self, asker: Principal, uri: str) -> str:
        wanted = understood(CallArguments, {"ringoutId": uri.removeprefix(CALL_URI)})
        return (await self._service.known(asker, "~", "~", wanted.ringout_id)).id

    async def _prove(self, admission: Admission, stream: ListenHandler) -> None:
        """Ends the stream when who opened it would not be let in any more."""
        serves = True
        while serves:
            await asyncio.sleep(self._proved_every)
            serves = await _serves(admission)
        stream.close()

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


async def _serves(admission: Admission) -> bool:
    """Whether the credentials still prove the same one; they do while Redis is away, but not where
    the provider's keys were out of reach for a day."""
    try:
        asker = await admission.again()
    except (Unauthenticated, TooManyFailures, IdentityUnavailable):
        return False
    except Retryable:
        return True
    return asker.owner == admission.asker.owner and asker.may(Scope.READ)
