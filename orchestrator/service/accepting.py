"""Accepting a call: what is asked is checked against the house's rules and written down.

Nothing here waits for RingCentral. What a rule refuses leaves no trace but its refusal.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass, replace
from typing import Protocol

from uuid_utils import uuid7

from orchestrator.delivery.targets import Targets, checked_url
from orchestrator.domain.access import Principal, Scope
from orchestrator.domain.budget import Payer
from orchestrator.domain.calls import Call, Endpoint
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import CallNotFound, FieldError, InvalidRequest
from orchestrator.service.models import RingOutRequest
from orchestrator.service.whom import Whom
from orchestrator.storage.calls import CallStore, Idempotency, asked
from orchestrator.storage.records import Snapshot

OUR_PREFIX = "call_"


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
    """A call written down; `replayed` where an earlier request with its key had made it."""

    snapshot: Snapshot
    replayed: bool


@dataclass(frozen=True, slots=True)
class Accepting:
    """`accept` raises what `CallService.accept` says."""

    store: CallStore
    payers: Payers
    whom: Whom
    clock: Clock
    options: ServiceOptions

    async def accept(
        self,
        asker: Principal,
        account: str,
        extension: str,
        request: RingOutRequest,
        idempotency_key: str | None = None,
    ) -> Accepted:
        """Writes a call down and wakes a worker."""
        asker.require(Scope.CREATE)
        self._check_callback(request.callback_url)
        await self.whom.check(asker, request)
        payer = await self.payers.payer(account, extension)
        call = replace(
            self._new(account, extension, request),
            credential=payer.credential,
            owner=asker.owner,
        )
        named = None
        if idempotency_key is not None:
            print_ = _fingerprint(idempotency_key, account, extension, request)
            named = Idempotency(idempotency_key, print_, asker.owner)
        accepted = await self.store.accept(
            call,
            asked(request.for_ringcentral(), request.callback_url),
            named,
            self.options.accept_patience,
        )
        if accepted.snapshot is not None:
            return Accepted(accepted.snapshot, replayed=False)
        snapshot = await self.store.snapshot(accepted.call_id)
        if snapshot is None:
            raise CallNotFound("There is no such call.")
        return Accepted(snapshot, replayed=True)

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
        call_id = new_id()
        caller = request.from_
        return Call(
            id=call_id,
            uri=self.options.uri(account, extension, call_id),
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


def new_id() -> str:
    """An id for a new call: later ones sort after earlier ones."""
    return f"{OUR_PREFIX}{uuid7().hex}"


def _fingerprint(key: str, account: str, extension: str, request: RingOutRequest) -> str:
    """Keyed by what Redis does not hold: a plain digest of two numbers can be tried out."""
    content = [account, extension, request.model_dump(mode="json", by_alias=True)]
    text = json.dumps(content, sort_keys=True).encode()
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()
