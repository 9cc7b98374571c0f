"""What a client may ask of calls; REST and MCP both go through here, and neither does more.

Accepting and cancelling never wait for RingCentral: they are written down and a worker is woken.
Reading answers from Redis, and asks RingCentral only for what is not known here or where the
client insists.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol
from zlib import crc32

from orchestrator.domain import calls, phones
from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.calls import Call
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import (
    CallNotFound,
    CallWithdrawn,
    StorageUnavailable,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.status import Reading, verdict
from orchestrator.domain.words import Outcome, State
from orchestrator.service.accepting import OUR_PREFIX, Accepted, Accepting, Payers, new_id
from orchestrator.service.wishes import Wish
from orchestrator.storage import audit
from orchestrator.storage.audit import Actor, Audit
from orchestrator.storage.calls import CallStore
from orchestrator.storage.feed import Feed
from orchestrator.storage.glances import Glances
from orchestrator.storage.lanes import Lanes
from orchestrator.storage.listing import CallList, Page, Wanted
from orchestrator.storage.records import Snapshot, waiting_snapshot

_UNANSWERED = (State.QUEUED, State.PLACING, State.UNCONFIRMED)


class StatusSource(Protocol):
    """Where a ring-out's status can be had live: RingCentral.

    `status` raises UpstreamGone, UpstreamGated, UpstreamUnavailable, UpstreamRefused or
    UpstreamFailed.
    """

    async def status(self, account: str, extension: str, ringout_id: str) -> Reading: ...


@dataclass(frozen=True, slots=True)
class Glance:
    """A call as read: from the cache (`hit`), or `live`, asked of RingCentral for this."""

    snapshot: Snapshot
    live: bool


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A call whose cancel is written down; `was_over` where there was nothing left to cancel."""

    snapshot: Snapshot
    was_over: bool


@dataclass(frozen=True, slots=True)
class CallService:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    store: CallStore
    listing: CallList
    glances: Glances
    feed: Feed
    source: StatusSource
    payers: Payers
    lanes: Lanes
    clock: Clock
    accepting: Accepting
    audit: Audit

    async def accept(self, asker: Principal, wish: Wish) -> Accepted:
        """Writes a call down and wakes a worker.

        InsufficientScope, RefusedByPolicy or VelocityExceeded where the call may not be made;
        IdempotencyKeyReused where the key was used for another request.
        """
        return await self.accepting.accept(asker, wish)

    async def answered(self, snapshot: Snapshot, seconds: float) -> Snapshot:
        """The call once RingCentral has answered the POST, or as it is after `seconds`.

        UpstreamRefused where RingCentral said no; CallWithdrawn where the call ended here before
        RingCentral was asked.
        """
        snapshot = await self._wait(snapshot, lambda now: now.state not in _UNANSWERED, seconds)
        if snapshot.state is State.ENDED:
            await self._raise_refusal(snapshot.id)
        return snapshot

    async def read(
        self,
        asker: Principal,
        account: str,
        extension: str,
        ringout_id: str,
        *,
        fresh: bool = False,
    ) -> Glance:
        """The call by our id or RingCentral's; CallNotFound where neither knows it, and for a call
        that is not the asker's.

        With `fresh`, and for an id that is not known here, RingCentral is asked (once for
        everyone who asks at the same time); then its errors come through. A ring-out that was not
        made here is nobody's: only who runs the house may ask for it.
        """
        asker.require(Scope.READ)
        call_id = await self._own_id(ringout_id)
        if call_id is None and Scope.OPS in asker.scopes:
            return Glance(await self._foreign(account, extension, ringout_id), live=True)
        call_id = call_id or ringout_id
        snapshot = await self._seen(asker, account, extension, call_id)
        if snapshot.state is State.QUEUED:
            return Glance(await self._placed_in_lane(snapshot), live=False)
        if not fresh or not await self._looked_at(call_id):
            return Glance(snapshot, live=False)
        return Glance(await self._present(call_id), live=True)

    async def known(
        self, asker: Principal, account: str, extension: str, ringout_id: str
    ) -> Snapshot:
        """The call as it is written down here; CallNotFound where it is not, or not the asker's,
        without a question to RingCentral."""
        asker.require(Scope.READ)
        call_id = await self._own_id(ringout_id) or ringout_id
        return await self._seen(asker, account, extension, call_id)

    async def latest(self, snapshot: Snapshot) -> Snapshot:
        """The call as it is now, for who was shown it a moment ago; CallNotFound."""
        now = await self._present(snapshot.id)
        return await self._placed_in_lane(now) if now.state is State.QUEUED else now

    async def changed(self, snapshot: Snapshot, seconds: float) -> Snapshot:
        """The call once it differs from `snapshot`, or as it is after `seconds`."""
        if not snapshot.id.startswith(OUR_PREFIX):
            return snapshot
        return await self._wait(snapshot, lambda now: now.sequence != snapshot.sequence, seconds)

    async def cancel(
        self, asker: Principal, account: str, extension: str, ringout_id: str, via: str = "rest"
    ) -> Cancelled:
        """Ends a call that is not placed yet, there and then; asks for the cancel of any other.
        `via` is the front end that was asked.

        CallNotFound for a call that is not the asker's. A ring-out that was not made here is
        looked up at RingCentral and followed from then on, for who runs the house.
        """
        asker.require(Scope.CANCEL)
        call_id = await self._own_id(ringout_id)
        if call_id is None and Scope.OPS in asker.scopes:
            call_id = await self._adopt(asker, account, extension, ringout_id)
        call_id = call_id or ringout_id
        snapshot = await self._seen(asker, account, extension, call_id)
        if snapshot.state is not State.ENDED:
            await self.audit.note(audit.CANCELLED, Actor.of(asker, via), call_id)
        written = await self.store.change(call_id, lambda call: calls.cancelled(call, self.clock()))
        call = written.record.call
        if call.is_over and written.applied:
            with suppress(StorageUnavailable):
                await self.lanes.leave(call.id, call.credential)
        return Cancelled(Snapshot.of(call), was_over=call.is_over and not written.applied)

    async def cancel_settled(self, snapshot: Snapshot, seconds: float) -> Snapshot:
        """The call once it is known what came of its cancel, or as it is after `seconds`."""

        def is_settled(now: Snapshot) -> bool:
            cancel = json.loads(now.document)["cancel"]
            return now.state is State.ENDED or (
                cancel is not None and cancel["outcome"] is not None
            )

        return await self._wait(snapshot, is_settled, seconds)

    async def page(self, asker: Principal, wanted: Wanted, limit: int, cursor: str | None) -> Page:
        """The asker's calls, newest first; ValueError for a cursor that is not one of ours."""
        asker.require(Scope.READ)
        if Scope.OPS not in asker.scopes:
            wanted = replace(wanted, owner=asker.owner)
        return await self.listing.page(wanted, limit, cursor)

    async def _own_id(self, ringout_id: str) -> str | None:
        if ringout_id.startswith(OUR_PREFIX):
            return ringout_id
        return await self.store.by_ringout(ringout_id)

    async def _seen(self, asker: Principal, account: str, extension: str, call_id: str) -> Snapshot:
        # An id that nobody knows is looked for as well: else the time would tell it from one that
        # another's call has.
        snapshot = await self._present(call_id)
        if not asker.sees(snapshot.owner):
            raise CallNotFound("There is no such call.")
        _check_path(snapshot, account, extension)
        return snapshot

    async def _present(self, call_id: str) -> Snapshot:
        snapshot = await self.store.snapshot(call_id)
        if snapshot is None:
            raise CallNotFound("There is no such call.")
        return snapshot

    async def _wait(
        self, snapshot: Snapshot, is_enough: Callable[[Snapshot], bool], seconds: float
    ) -> Snapshot:
        if seconds <= 0 or is_enough(snapshot):
            return snapshot
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self.feed.watching(snapshot.id) as changed:
                while not is_enough(snapshot):
                    changed.clear()
                    snapshot = await self._present(snapshot.id)
                    if not is_enough(snapshot):
                        await changed.wait()
        return snapshot

    async def _raise_refusal(self, call_id: str) -> None:
        record = await self.store.record(call_id)
        if record is None:
            return
        call = record.call
        reason = call.reason
        if call.refusal_status is not None and reason is not None:
            raise UpstreamRefused(call.refusal_status, reason.code, reason.message)
        if call.placed_at is None and call.outcome in (Outcome.EXPIRED, Outcome.CANCELLED):
            raise CallWithdrawn(f"The call ended as {call.outcome} before it was placed.")

    async def _placed_in_lane(self, snapshot: Snapshot) -> Snapshot:
        """A queued call with its position and when it may start, where others are before it."""
        record = await self.store.record(snapshot.id)
        if record is None:
            return snapshot
        payer = self.payers.payer_named(record.call.credential)
        waiting = await self.lanes.place_of(snapshot.id, payer)
        if waiting is None or waiting.seconds == 0:
            return snapshot
        starts_at = self.clock() + round(1000 * waiting.seconds)
        return waiting_snapshot(snapshot, waiting.ahead + 1, starts_at)

    async def _looked_at(self, call_id: str) -> bool:
        """Whether RingCentral was asked; not where the budget for it is spent."""
        record = await self.store.record(call_id)
        if record is None or not record.call.is_followed:
            return False
        call = record.call
        asked_at = self.clock()
        try:
            reading = await self._live(call.account_id, call.extension_id, call.ringout_id or "")
        except UpstreamGone:
            await self.store.change(record, lambda now: calls.vanished(now, self.clock()))
            return True
        except UpstreamGated:
            return False
        await self.store.change(
            record, lambda now: calls.observed(now, reading, asked_at, self.clock())
        )
        return True

    async def _live(self, account: str, extension: str, ringout_id: str) -> Reading:
        return await self.glances.shared(
            account,
            extension,
            ringout_id,
            lambda: self.source.status(account, extension, ringout_id),
        )

    async def _foreign(self, account: str, extension: str, ringout_id: str) -> Snapshot:
        call = await self._found_live(account, extension, ringout_id)
        shown = replace(call, id=ringout_id, sequence=0, accepted_at=0)
        words = repr(shown.status).encode()
        return replace(Snapshot.of(shown), sequence=crc32(words))

    async def _adopt(self, asker: Principal, account: str, extension: str, ringout_id: str) -> str:
        payer = await self.payers.payer(account, extension)
        found = await self._found_live(account, extension, ringout_id)
        call = replace(found, credential=payer.credential, owner=asker.owner)
        return (await self.store.accept(call, {})).call_id

    async def _found_live(self, account: str, extension: str, ringout_id: str) -> Call:
        # Nothing of RingCentral's is called like a phone: it is somebody's slip, and stays here.
        if phones.E164.fullmatch(ringout_id):
            raise CallNotFound("There is no such call.")
        try:
            reading = await self._live(account, extension, ringout_id)
        except UpstreamGone as error:
            raise CallNotFound("There is no such call, here or at RingCentral.") from error
        now = self.clock()
        call_id = new_id()
        call = Call(
            id=call_id,
            uri=self.accepting.options.uri(account, extension, call_id),
            account_id=account,
            extension_id=extension,
            accepted_at=now,
            expires_at=now,
            ringout_id=ringout_id,
            state=State.RINGING,
            sequence=0,
        )
        if verdict(reading, was_connected=False).gone:
            raise CallNotFound("RingCentral no longer knows this ring-out.")
        seen = calls.observed(call, reading, now, now)
        return replace(seen.call if seen else call, sequence=1, observed_at=now)


def _check_path(snapshot: Snapshot, account: str, extension: str) -> None:
    pairs = ((snapshot.account_id, account), (snapshot.extension_id, extension))
    if any("~" not in pair and pair[0] != pair[1] for pair in pairs):
        raise CallNotFound("There is no such call under this account and extension.")
