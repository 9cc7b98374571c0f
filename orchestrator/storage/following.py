"""Follows the events from a place on: what is kept of them first, then the tail as it grows.

The two are joined without a gap and without a duplicate: the subscription to the tail begins
before the last page of what is kept is read, and what both hold is told once.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator.domain.words import State
from orchestrator.storage.events import START, Entry, EventLog, Gap, Page, Place
from orchestrator.storage.feed import Feed, Item, Subscription, nothing
from orchestrator.storage.records import Snapshot

_PAGE = 500
_CLOCKS_MS = 3_600_000
"""How far the clocks of Redis and of who accepted a call are taken to be apart at most."""


@dataclass(frozen=True, slots=True)
class Present:
    """A call as it is at `place`, where no event that is kept tells it."""

    place: Place
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Reached:
    """All that was wanted up to `place` has been told: a reader may go on from there."""

    place: Place


Told = Item | Present | Reached
Stream = AsyncGenerator[Sequence[Told], None]
Wants = Callable[[Entry], bool]
Drop = Callable[[], None]
Find = Callable[[], Awaitable[Snapshot]]


@dataclass(frozen=True, slots=True)
class Follower:
    """Its streams answer lists of what is to be told; the first does not wait for an event, and
    one comes without any where there was none for `quiet` seconds.

    A stream ends with the feed, and where its reader is too slow for it, after calling `drop`.
    StorageUnavailable where Redis is away while what is kept is read; the tail waits for it.
    """

    feed: Feed
    log: EventLog
    quiet: float

    async def all(self, since: Place | None, wants: Wants, drop: Drop) -> Stream:
        """Every event that is wanted, after `since` or from now on."""
        last = await self.feed.ready()
        tail = None if since else self.feed.subscribed(None, wants, drop)
        is_new = False
        try:
            yield ()
            last = since or last
            while tail is None:
                page, tail = await self._page(last, wants, drop)
                gap = None if is_new else page.extent.gap(last)
                is_new = gap is not None and gap.restarted
                if gap is not None:
                    yield (gap,)
                if is_new:
                    _left(tail)
                    last, tail = START, None
                    continue
                yield [entry for entry in page.entries if wants(entry)]
                last = _end(page, last)
            while not tail.is_over:
                items, last = _later(await tail.taken(self.quiet), last)
                yield items or (Reached(max(self.feed.place or last, last)),)
        finally:
            _left(tail)

    async def _page(
        self, place: Place, wants: Wants, drop: Drop
    ) -> tuple[Page, Subscription | None]:
        """A page of what is kept, and the tail where it follows on the page."""
        tail = self.feed.subscribed(None, wants, drop)
        is_last = False
        try:
            page = await self.log.after(place, _PAGE)
            is_last = len(page.entries) < _PAGE
        finally:
            if not is_last:
                tail.close()
        return page, tail if is_last else None

    async def one(
        self,
        call_id: str,
        since: Place | None,
        find: Find,
        drop: Drop = nothing,
    ) -> Stream:
        """The events of one call after `since`, or the call as it is and its events from now on;
        until it has ended. `find` answers the call as it is."""
        place = await self.feed.ready()
        tail = self.feed.subscribed(call_id, drop=drop)
        try:
            call = await find()
            if since is None:
                yield (Present(place, call),)
            else:
                async for items in self._kept(call, since, place):
                    yield items
            while not (tail.is_over or call.state is State.ENDED):
                items = await tail.taken(self.quiet)
                if any(isinstance(item, Gap) for item in items):
                    place = self.feed.place or place
                    call = await find()
                    gaps = [item for item in items if isinstance(item, Gap)]
                    yield [*gaps, Present(place, call)]
                    continue
                fresh = _since(items, call.sequence)
                yield fresh
                call = _moved(call, fresh)
        finally:
            tail.close()

    async def _kept(self, call: Snapshot, since: Place, place: Place) -> Stream:
        """What is kept of a call after `since`; where something is missing, the call as well."""
        last = max(since, Place(max(0, call.accepted_at - _CLOCKS_MS), 0))
        is_cut = is_new = is_told = is_last = False
        while not (is_told or is_last):
            page = await self.log.after(last, _PAGE)
            gap = None if is_new else page.extent.gap(last)
            is_cut, is_new = is_cut or gap is not None, gap is not None and gap.restarted
            yield () if gap is None else (gap,)
            if is_new:
                last = START
                continue
            own = [entry for entry in page.entries if entry.fields["call"] == call.id]
            yield own
            is_told = any(_sequence(entry) >= call.sequence for entry in own)
            is_last = len(page.entries) < _PAGE
            last = _end(page, last)
        if is_cut and not is_told:
            yield (Present(place, call),)


def _sequence(entry: Entry) -> int:
    return int(entry.fields["sequence"])


def _since(items: Sequence[Item], sequence: int) -> list[Entry]:
    return [item for item in items if isinstance(item, Entry) and _sequence(item) > sequence]


def _moved(call: Snapshot, entries: Sequence[Entry]) -> Snapshot:
    """How far the call has come with these entries."""
    if not entries:
        return call
    newest = entries[-1]
    return replace(call, sequence=_sequence(newest), state=State(newest.fields["state"]))


def _left(tail: Subscription | None) -> None:
    if tail is not None:
        tail.close()


def _end(page: Page, last: Place) -> Place:
    return page.entries[-1].place if page.entries else last


def _later(items: Sequence[Item], last: Place) -> tuple[list[Item], Place]:
    """What of the tail comes after `last`, and where what comes then has to come after."""
    kept: list[Item] = []
    for item in items:
        if isinstance(item, Gap):
            last = START if item.restarted else last
        elif item.place <= last:
            continue
        kept.append(item)
    return kept, last
