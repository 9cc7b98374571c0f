"""The event stream's tail, read once per process and told to whoever follows it.

Those who watch a call are woken; those who subscribe get the entries themselves, in order, from
the place at which they subscribed and without a gap, or are told of the gap. However many there
are, the stream is read by one connection.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import groupby

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.storage import keys
from orchestrator.storage.events import START, Entry, Extent, Gap, Place, extent_of

_BLOCK_MS = 2_000
_PAUSE_S = 0.2
_CANCEL_S = 0.1
_BATCH = 500
MOST_PENDING = 1_000
"""Entries that wait for a subscriber; one that has more to come is dropped."""

log = structlog.get_logger(__name__)

Item = Entry | Gap


def _any(_: Entry) -> bool:
    return True


def nothing() -> None:
    """Nobody wants to know."""


class Subscription:
    """What one subscriber has not taken yet. `is_over` once it was too slow, or the feed ends."""

    def __init__(
        self,
        leave: Callable[["Subscription"], None],
        wants: Callable[[Entry], bool],
        drop: Callable[[], None],
    ) -> None:
        self.is_over = False
        self._leave = leave
        self._wants = wants
        self._drop = drop
        self._pending: list[Item] = []
        self._woken = asyncio.Event()

    def offer(self, items: Sequence[Item]) -> None:
        """Adds what this subscriber wants of `items`, or drops it where that is too much."""
        wanted = [item for item in items if isinstance(item, Gap) or self._wants(item)]
        if not wanted:
            return
        if len(self._pending) + len(wanted) > MOST_PENDING:
            self._pending.clear()
            self.end()
            self._drop()
        else:
            self._pending += wanted
        self._woken.set()

    async def taken(self, seconds: float) -> list[Item]:
        """All that waits; after `seconds` without anything, nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()
        items, self._pending = self._pending, []
        return items

    def end(self) -> None:
        """Nothing more will come."""
        self.is_over = True
        self.close()
        self._woken.set()

    def close(self) -> None:
        """Takes no more."""
        self._leave(self)


class Feed:
    """Reads the tail from the first time that someone wants it until `close`."""

    def __init__(self, redis: Redis) -> None:
        """`redis` needs a socket time-out above two seconds."""
        self.place: Place | None = None
        self._redis = redis
        self._added: int | None = None
        self._recent: deque[Place] = deque(maxlen=_BATCH)
        self._watched: dict[str, set[asyncio.Event]] = {}
        self._subscribed: dict[str | None, set[Subscription]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._is_closed = False

    @asynccontextmanager
    async def watching(self, call_id: str) -> AsyncIterator[asyncio.Event]:
        """An event that is set at each change of the call from now on.

        It is a hint, not a promise: a watcher looks at the call before it waits, and is woken as
        well when the stream cannot be read, so that it finds out for itself.
        """
        changed = asyncio.Event()
        self._watched.setdefault(call_id, set()).add(changed)
        try:
            await self._started()
            yield changed
        finally:
            watchers = self._watched[call_id]
            watchers.discard(changed)
            if not watchers:
                del self._watched[call_id]

    async def ready(self) -> Place:
        """The place up to which the stream is read; StorageUnavailable where that is not known."""
        await self._started()
        if self.place is None:
            raise StorageUnavailable("Redis did not answer in time.", retry_after=1)
        return self.place

    def subscribed(
        self,
        call_id: str | None = None,
        wants: Callable[[Entry], bool] = _any,
        drop: Callable[[], None] = nothing,
    ) -> Subscription:
        """A subscription to every entry after `place`, of one call or of all, that is wanted.

        `drop` is called where more than MOST_PENDING entries wait to be taken. `ready` must
        have been awaited once.
        """

        def leave(subscription: Subscription) -> None:
            others = self._subscribed.get(call_id, set())
            others.discard(subscription)
            if not others:
                self._subscribed.pop(call_id, None)

        subscription = Subscription(leave, wants, drop)
        if self._is_closed:
            subscription.end()
        else:
            self._subscribed.setdefault(call_id, set()).add(subscription)
        return subscription

    async def close(self) -> None:
        """Stops reading for good: those who watch are woken, and subscriptions end."""
        self._is_closed = True
        for subscriptions in tuple(self._subscribed.values()):
            for subscription in tuple(subscriptions):
                subscription.end()
        while self._reader is not None and not self._reader.done():
            # Before Python 3.12 asyncio.wait_for, with which redis-py sends, may swallow one.
            self._reader.cancel()
            await asyncio.wait([self._reader], timeout=_CANCEL_S)
        self._wake_all()

    async def _started(self) -> None:
        if self._is_closed:
            return
        if self._reader is None or self._reader.done():
            self._tried.clear()
            self._reader = asyncio.create_task(self._read())
        await self._tried.wait()

    async def _read(self) -> None:
        while not self._is_closed:
            try:
                await self._find_place()
                while not self._is_closed:
                    await self._step()
            except (RedisError, OSError) as error:
                log.warning("event_stream_away", error=type(error).__name__)
                self._tried.set()
                self._wake_all()
                await asyncio.sleep(_PAUSE_S)

    async def _find_place(self) -> None:
        extent = await extent_of(self._redis)
        if self.place is None:
            self.place, self._added = extent.newest, extent.added
        else:
            self._compare(extent)
        self._tried.set()

    def _compare(self, extent: Extent) -> None:
        """Goes on where the stream has been set back: by a replica that had less, which is no
        loss to those who were told more, or because it was lost and begins anew."""
        if self.place is None or extent.newest >= self.place:
            return
        if extent.newest in self._recent:
            self.place, self._added = extent.newest, extent.added
        else:
            self._tell([Gap(self.place, extent.oldest, restarted=True)])
            self.place, self._added = START, 0

    async def _step(self) -> None:
        before = self.place or START
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.xread({keys.EVENTS: str(before)}, count=_BATCH, block=_BLOCK_MS)
        pipeline.xinfo_stream(keys.EVENTS)
        answer, info = await pipeline.execute(raise_on_error=False)
        if isinstance(answer, Exception):
            raise answer
        extent = Extent.of(info)
        if not answer:
            self._compare(extent)
            return
        entries = [Entry.of(raw) for raw in answer[0][1]]
        gap = self._gap(before, extent)
        self._tell([gap, *entries] if gap else entries)
        self.place = entries[-1].place
        self._recent.extend(entry.place for entry in entries)
        self._count(before, len(entries), extent)

    def _gap(self, before: Place, extent: Extent) -> Gap | None:
        """What was trimmed before it was read: by count, where the server keeps one."""
        if extent.oldest is None or extent.oldest <= before:
            return None
        if self._added is None or extent.added is None:
            return extent.gap(before)
        is_new = extent.added < self._added
        is_cut = is_new or extent.added - self._added > extent.length
        return Gap(before, extent.oldest) if is_cut else None

    def _count(self, before: Place, count: int, extent: Extent) -> None:
        """Keeps how many entries there were up to the place that is reached."""
        if extent.added is None or self._added is None or extent.newest == self.place:
            self._added = extent.added
        elif extent.oldest is not None and extent.oldest > before:
            self._added = extent.added - extent.length + count
        else:
            self._added += count

    def _tell(self, items: Sequence[Item]) -> None:
        for subscription in tuple(self._subscribed.get(None, ())):
            subscription.offer(items)
        for call_id, group in groupby(items, _call_of):
            if call_id is None:
                self._tell_calls(list(group))
                continue
            own = list(group)
            for subscription in tuple(self._subscribed.get(call_id, ())):
                subscription.offer(own)
            self._wake(call_id)

    def _tell_calls(self, gaps: Sequence[Item]) -> None:
        for call_id, subscriptions in tuple(self._subscribed.items()):
            if call_id is not None:
                for subscription in tuple(subscriptions):
                    subscription.offer(gaps)
        self._wake_all()

    def _wake(self, call_id: str) -> None:
        for changed in self._watched.get(call_id, ()):
            changed.set()

    def _wake_all(self) -> None:
        for call_id in self._watched:
            self._wake(call_id)


def _call_of(item: Item) -> str | None:
    return None if isinstance(item, Gap) else item.fields["call"]
