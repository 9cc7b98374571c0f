"""`GET /v1/events` and `GET …/ring-out/{id}/events`: changes as server-sent events."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from orchestrator.domain.access import HOUSE_OWNER, Principal, Scope
from orchestrator.domain.words import State
from orchestrator.rest.asker import asker_of
from orchestrator.rest.event_query import event_query, one_query, since
from orchestrator.rest.problems import SAFE, problem
from orchestrator.rest.spellings import Spelling
from orchestrator.rest.streams import Seat, Source, Streams
from orchestrator.rest.waits import Waits
from orchestrator.service.calls import CallService
from orchestrator.storage.events import Place
from orchestrator.storage.following import Find, Follower, Told, Wants
from orchestrator.storage.records import Snapshot

PATH = "/v1/events"
SUFFIX = "/events"
_RETRY = {"Retry-After": "5"}
_FULL = {
    Seat.NONE: "This process has as many open streams as it may: ask again, or another.",
    Seat.NONE_FOR_KEY: "This key has as many open streams at this process as one may have: close "
    "one, or ask another.",
}


@dataclass(frozen=True, slots=True)
class EventRoutes:
    """The handlers."""

    service: CallService
    follower: Follower
    streams: Streams
    waits: Waits

    async def all(self, request: web.Request) -> web.StreamResponse:
        """Every event of the asker's calls that meets the filters."""
        asker = asker_of(request)
        asker.require(Scope.READ)
        query = event_query(request)
        start = since(request, query)
        with self.streams.seat(request) as seat:
            if (refusal := self._refusal(seat)) is not None:
                return refusal
            return await self._all(request, start, seen_by(asker, query.wants()))

    async def _all(
        self, request: web.Request, start: Place | None, wants: Wants
    ) -> web.StreamResponse:
        stream = self.follower.all(start, wants, partial(self.streams.drop, request))
        async with aclosing(stream):
            first = await anext(stream)
            place = self.follower.feed.place if start is None else None
            return await self.streams.serve(request, first, stream, place)

    async def one(self, spelling: Spelling, request: web.Request) -> web.StreamResponse:
        """One call as it is, and its events until it has ended; 204 where it has, and the client
        knows: then it does not come back."""
        account, extension, ringout_id = spelling.ids(request)
        start = since(request, one_query(request))
        asker = asker_of(request)
        call = await self.service.known(asker, account, extension, ringout_id)
        find = partial(self.service.known, asker, account, extension, call.id)
        with self.streams.seat(request) as seat:
            if (refusal := self._refusal(seat)) is not None:
                return refusal
            return await self._one(request, start, call, find)

    async def _one(
        self, request: web.Request, start: Place | None, call: Snapshot, find: Find
    ) -> web.StreamResponse:
        stream = self.follower.one(call.id, start, find, partial(self.streams.drop, request))
        async with aclosing(stream):
            if call.state is not State.ENDED:
                return await self.streams.serve(request, await anext(stream), stream, None)
            kept = [item async for items in stream for item in items]
            if not kept:
                return web.Response(status=204, headers=SAFE)
            return await self.streams.serve(request, kept, _nothing(), None)

    def _refusal(self, seat: Seat) -> web.Response | None:
        if self.waits.draining:
            return problem(503, "not_ready", "This process ends: ask another.", headers=_RETRY)
        if seat is Seat.TAKEN:
            return None
        return problem(503, "too_many_streams", _FULL[seat], headers=_RETRY)


def seen_by(asker: Principal, wants: Wants) -> Wants:
    """Of what is wanted, the events of the asker's calls; all of them for who runs the house."""
    if asker.may(Scope.OPS):
        return wants
    owner = asker.owner
    return lambda entry: entry.fields.get("owner", HOUSE_OWNER) == owner and wants(entry)


async def _nothing() -> Source:
    """A source that has ended."""
    nothing: Sequence[Sequence[Told]] = ()
    for items in nothing:
        yield items
