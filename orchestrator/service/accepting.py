"""Accepting a call: what is asked is checked against the house's rules and written down.

Nothing here waits for RingCentral. What a rule refuses leaves no trace but its refusal.
"""

from dataclasses import dataclass
from typing import Protocol

from uuid_utils import uuid7

from orchestrator.delivery.targets import Targets, checked_url
from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.budget import Payer
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import (
    CallNotFound,
    FieldError,
    InvalidRequest,
    RefusedByPolicy,
    UpstreamRefused,
)
from orchestrator.domain.velocity import Figure
from orchestrator.service import hours
from orchestrator.service.holding import hold_on
from orchestrator.service.how_often import HowOften
from orchestrator.service.rehearsal import VALIDATE_ONLY, rehearsed
from orchestrator.service.whom import Whom
from orchestrator.service.wishes import Wish
from orchestrator.storage.admission import Accepted as Written
from orchestrator.storage.calls import CallStore, asked
from orchestrator.storage.pauses import Pauses
from orchestrator.storage.records import Snapshot

OUR_PREFIX = "call_"
_NOTHING_TO_NAME = "cannot be used with an idempotency key: no call is made that it could name"


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

    def uri(self, account: str, extension: str, call_id: str) -> str:
        """Where a call is."""
        path = f"/v1/restapi/v1-0/account/{account}/extension/{extension}/ring-out/{call_id}"
        return self.base_url + path


@dataclass(frozen=True, slots=True)
class Accepted:
    """A call written down; `replayed` where an earlier request had made it: one with its key, or
    a moment ago one for the same two phones (`is_double_click`).

    `figures` are what is left of the quotas, where they were looked at. With `is_dry` nothing
    was written: a new call is shown as it would be.
    """

    snapshot: Snapshot
    replayed: bool
    is_double_click: bool = False
    figures: tuple[Figure, ...] = ()
    is_dry: bool = False


_NO_QUOTAS = HowOften()
_FORBIDDEN_SINCE = (RefusedByPolicy, InvalidRequest, UpstreamRefused)
"""What a later rule, setting or credential says of a wish whose call may have been made before."""


@dataclass(frozen=True, slots=True)
class Accepting:
    """`accept` raises what `CallService.accept` says."""

    store: CallStore
    payers: Payers
    whom: Whom
    clock: Clock
    options: ServiceOptions
    often: HowOften = _NO_QUOTAS

    async def accept(self, asker: Principal, wish: Wish) -> Accepted:
        """Writes a call down and wakes a worker, or says what would happen."""
        if wish.is_dry and wish.idempotency_key is not None:
            asker.require(Scope.CREATE)
            raise InvalidRequest((FieldError("validateOnly", _NOTHING_TO_NAME),))
        return await self._accepted(asker, wish)

    async def rehearse(self, asker: Principal, wish: Wish) -> Accepted:
        """What `accept` would answer, and raises what it would, without anything being done: the
        call itself where a request with the key has made it already (`replayed`)."""
        return await self._accepted(asker, wish.dry())

    async def _accepted(self, asker: Principal, wish: Wish) -> Accepted:
        asker.require(Scope.CREATE)
        request, named = wish.request, await wish.named(asker, self.whom.digests)
        try:
            self._check_callback(request.callback_url)
            await self.whom.check(asker, request)
            call = await self._new(asker, wish)
            hours.check(call.hours, call.accepted_at, call.expires_at)
        except _FORBIDDEN_SINCE:
            made = await self.store.made_by(named) if named else None
            if made is None:
                raise
            return Accepted(made, replayed=True, is_dry=wish.is_dry)
        accepted = await self.store.accept(
            call,
            asked(request.for_ringcentral(), request.callback_url),
            named,
            self.options.accept_patience,
            await self.often.admission(self.whom.digests, asker, wish, call),
        )
        if wish.is_dry and not accepted.is_replay:
            return await self._rehearsed(call, accepted)
        snapshot = accepted.snapshot or await self.store.snapshot(accepted.call_id)
        if snapshot is None:
            raise CallNotFound("There is no such call.")
        is_new = accepted.snapshot is not None
        return Accepted(snapshot, not is_new, accepted.is_click, accepted.figures, wish.is_dry)

    async def _rehearsed(self, call: Call, found: Written) -> Accepted:
        hold = None
        if not found.is_click:
            paused = await Pauses(self.store.commands).read()
            hold = hold_on(call, paused, call.accepted_at)
        shown = rehearsed(Snapshot.of(call), found, hold.reason if hold else None)
        return Accepted(shown, replayed=False, figures=found.figures, is_dry=True)

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

    async def _new(self, asker: Principal, wish: Wish) -> Call:
        request, account, extension = wish.request, wish.account, wish.extension
        payer = await self.payers.payer(account, extension)
        now = self.clock()
        call_id = VALIDATE_ONLY if wish.is_dry else new_id()
        named = "" if wish.is_dry else call_id
        caller = request.from_
        return Call(
            id=call_id,
            uri=self.options.uri(account, extension, named).rstrip("/"),
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
            hours=request.allowed_hours.text() if request.allowed_hours else "",
            credential=payer.credential,
            owner=asker.owner,
        )


def new_id() -> str:
    """An id for a new call: later ones sort after earlier ones."""
    return f"{OUR_PREFIX}{uuid7().hex}"
