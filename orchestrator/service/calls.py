"""What a client may ask of calls; REST and MCP both go through here, and neither does more.

Accepting and cancelling never wait for RingCentral: they are written down and a worker is woken.
Reading answers from Redis, and asks RingCentral only for what is not known here or where the
client insists.
"""

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol
from zlib import crc32

from uuid_utils import uuid7

from orchestrator.delivery.targets import Targets, checked_url
from orchestrator.domain import calls
from orchestrator.domain.budget import Payer
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import (
    CallNotFound,
    CallWithdrawn,
    FieldError,
    InvalidRequest,
    StorageUnavailable,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.status import Reading, verdict
from orchestrator.domain.words import Outcome, State
from orchestrator.service.models import RingOutRequest
from orchestrator.storage.calls import CallStore, Idempotency, asked
from orchestrator.storage.feed import Feed
from orchestrator.storage.glances import Glances
from orchestrator.storage.lanes import Lanes
from orchestrator.storage.listing import CallList, Page, Wanted
from orchestrator.storage.records import Snapshot, waiting_snapshot

OUR_PREFIX = "call_"
_UNANSWERED = (State.QUEUED, State.PLACING, State.UNCONFIRMED)


class StatusSource(Protocol):
    """Where a ring-out's status can be had live: RingCentral.

    `status` raises UpstreamGone, UpstreamGated, UpstreamUnavailable, UpstreamRefused or
    UpstreamFailed.
    """

    async def status(self, account: str, extension: str, ringout_id: str) -> Reading: ...


class Payers(Protocol):
    """Whom RingCentral is asked as."""

    async def payer(self, account: str, extension: str) -> Payer:
        """Who asks about an extension; UpstreamRefused (`no_credential`) where nobody does."""
        ...

    def payer_named(self, name: str) -> Payer:
        """Who asks by a credential's name, whether it is still there or not."""
        ...


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """`base_url` begins the `uri` of every call; `accept_patience` is milliseconds; `callbacks`
    says where a call's `callbackUrl` may lead, None where there can be none."""

    base_url: str
    accept_patience: int = 1_300
    callbacks: Targets | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call written down; `replayed` where an earlier request with its key had made it."""

    snapshot: Snapshot
    replayed: bool


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
    options: ServiceOptions

    async def accept(
        self,
        account: str,
        extension: str,
        request: RingOutRequest,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Writes a call down and wakes a worker; IdempotencyKeyReused where the key was used
        for another request."""
        self._check_callback(request.callback_url)
        payer = await self.payers.payer(account, extension)
        call = replace(self._new(account, extension, request), credential=payer.credential)
        named = None
        if idempotency_key is not None:
            named = Idempotency(
                idempotency_key, _fingerprint(idempotency_key, account, extension, request)
            )
        accepted = await self.store.accept(
            call,
            asked(request.for_ringcentral(), request.callback_url),
            named,
            self.options.accept_patience,
        )
        if accepted.snapshot is not None:
            return Accepted(accepted.snapshot, replayed=False)
        return Accepted(await self._present(accepted.call_id), replayed=True)

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
        self, account: str, extension: str, ringout_id: str, *, fresh: bool = False
    ) -> Glance:
        """The call by our id or RingCentral's; CallNotFound where neither knows it.

        With `fresh`, and for an id that is not known here, RingCentral is asked (once for
        everyone who asks at the same time); then its errors come through.
        """
        call_id = await self._own_id(ringout_id)
        if call_id is None:
            return Glance(await self._foreign(account, extension, ringout_id), live=True)
        snapshot = await self._present(call_id)
        _check_path(snapshot, account, extension)
        if snapshot.state is State.QUEUED:
            return Glance(await self._placed_in_lane(snapshot), live=False)
        if not fresh or not await self._looked_at(call_id):
            return Glance(snapshot, live=False)
        return Glance(await self._present(call_id), live=True)

    async def known(self, account: str, extension: str, ringout_id: str) -> Snapshot:
        """The call as it is written down here; CallNotFound where it is not, without a question
        to RingCentral."""
        call_id = await self._own_id(ringout_id)
        if call_id is None:
            raise CallNotFound("There is no such call here.")
        snapshot = await self._present(call_id)
        _check_path(snapshot, account, extension)
        return snapshot

    async def changed(self, snapshot: Snapshot, seconds: float) -> Snapshot:
        """The call once it differs from `snapshot`, or as it is after `seconds`."""
        if not snapshot.id.startswith(OUR_PREFIX):
            return snapshot
        return await self._wait(snapshot, lambda now: now.sequence != snapshot.sequence, seconds)

    async def cancel(self, account: str, extension: str, ringout_id: str) -> Cancelled:
        """Ends a call that is not placed yet, there and then; asks for the cancel of any other.

        A ring-out that was not made here is looked up at RingCentral and followed from then on.
        """
        call_id = await self._own_id(ringout_id)
        if call_id is None:
            call_id = await self._adopt(account, extension, ringout_id)
        else:
            _check_path(await self._present(call_id), account, extension)
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

    async def page(self, wanted: Wanted, limit: int, cursor: str | None) -> Page:
        """Calls, newest first; ValueError for a cursor that is not one of ours."""
        return await self.listing.page(wanted, limit, cursor)

    def _check_callback(self, url: str | None) -> None:
        if url is None:
            return
        targets = self.options.callbacks
        if targets is None:
            detail = "cannot be used here: the setting RINGOUT_CALLBACK_SECRET is needed"
            raise InvalidRequest((FieldError("callbackUrl", detail),))
        try:
            checked_url(url, targets)
        except ValueError as error:
            raise InvalidRequest((FieldError("callbackUrl", str(error)),)) from None

    def _new(self, account: str, extension: str, request: RingOutRequest) -> Call:
        now = self.clock()
        call_id = _new_id()
        caller = request.from_
        return Call(
            id=call_id,
            uri=self._uri(account, extension, call_id),
            account_id=account,
            extension_id=extension,
            accepted_at=now,
            expires_at=now + request.expires_in * 1000,
            from_=Endpoint.shown(caller.phone_number, caller.forwarding_number_id)
            if caller
            else None,
            to=Endpoint.shown(request.to.phone_number),
            client_reference=request.client_reference,
            has_callback=request.callback_url is not None,
        )

    def _uri(self, account: str, extension: str, call_id: str) -> str:
        path = f"/v1/restapi/v1-0/account/{account}/extension/{extension}/ring-out/{call_id}"
        return self.options.base_url + path

    async def _own_id(self, ringout_id: str) -> str | None:
        if ringout_id.startswith(OUR_PREFIX):
            return ringout_id
        return await self.store.by_ringout(ringout_id)

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

    async def _adopt(self, account: str, extension: str, ringout_id: str) -> str:
        payer = await self.payers.payer(account, extension)
        found = await self._found_live(account, extension, ringout_id)
        call = replace(found, credential=payer.credential)
        return (await self.store.accept(call, {})).call_id

    async def _found_live(self, account: str, extension: str, ringout_id: str) -> Call:
        try:
            reading = await self._live(account, extension, ringout_id)
        except UpstreamGone as error:
            raise CallNotFound("There is no such call, here or at RingCentral.") from error
        now = self.clock()
        call_id = _new_id()
        call = Call(
            id=call_id,
            uri=self._uri(account, extension, call_id),
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


def _new_id() -> str:
    return f"{OUR_PREFIX}{uuid7().hex}"


def _check_path(snapshot: Snapshot, account: str, extension: str) -> None:
    pairs = ((snapshot.account_id, account), (snapshot.extension_id, extension))
    if any("~" not in pair and pair[0] != pair[1] for pair in pairs):
        raise CallNotFound("There is no such call under this account and extension.")


def _fingerprint(key: str, account: str, extension: str, request: RingOutRequest) -> str:
    """Keyed by what Redis does not hold: a plain digest of two numbers can be tried out."""
    content = [account, extension, request.model_dump(mode="json", by_alias=True)]
    text = json.dumps(content, sort_keys=True).encode()
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
