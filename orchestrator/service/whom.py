"""Whom a call may ring: both of its phones, checked before anything is written down."""

from dataclasses import dataclass

from orchestrator.domain.access import Principal
from orchestrator.domain.errors import RefusedByPolicy
from orchestrator.service.destinations import Destinations
from orchestrator.service.models import RingOutRequest
from orchestrator.storage.digests import Digests

CALLER_POLICY = "caller.not_allowed"
_ONLY_ITS_OWN = "must be one of the phones that these credentials may ring first"


@dataclass(frozen=True, slots=True)
class Whom:
    """The rules of the house about the numbers that it rings, and a key's own about callers."""

    destinations: Destinations
    digests: Digests

    async def check(self, asker: Principal, request: RingOutRequest) -> None:
        """RefusedByPolicy naming the first rule that forbids one of the two phones.

        StorageUnavailable where the asker may ring some callers only, and what their digests are
        keyed by is in Redis.
        """
        caller = request.from_.phone_number if request.from_ else None
        phones = {"to.phoneNumber": request.to.phone_number, "from.phoneNumber": caller}
        for field, number in phones.items():
            objection = self.destinations.objection(number) if number else None
            if objection is not None:
                raise RefusedByPolicy(objection.policy, objection.detail, field)
        await self._check_caller(asker, request)

    async def _check_caller(self, asker: Principal, request: RingOutRequest) -> None:
        if asker.callers is None and asker.forwarding_numbers is None:
            return
        caller = request.from_
        if caller is not None and caller.phone_number is not None:
            digest = await self.digests.of(caller.phone_number)
            is_allowed, field = digest in (asker.callers or ()), "from.phoneNumber"
        elif caller is not None:
            field = "from.forwardingNumberId"
            is_allowed = caller.forwarding_number_id in (asker.forwarding_numbers or ())
        else:
            is_allowed, field = False, "from"
        if not is_allowed:
            raise RefusedByPolicy(CALLER_POLICY, _ONLY_ITS_OWN, field)
