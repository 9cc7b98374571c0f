"""How often calls may be made: which quotas, and which earlier clicks, a call is held to."""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.domain.access import Principal, Quota
from orchestrator.domain.calls import Call
from orchestrator.service.models import RingOutRequest
from orchestrator.service.wishes import Wish
from orchestrator.storage import audit
from orchestrator.storage.admission import Admission, Window
from orchestrator.storage.backlog import backlog
from orchestrator.storage.digests import Digests

TO, FROM = "to.phoneNumber", "from.phoneNumber"


@dataclass(frozen=True, slots=True)
class HowOften:
    """The house's quotas for one callee, one caller, one key and all calls together; seconds in
    which a second click counts as the first; how many audit entries are kept."""

    callee: tuple[Quota, ...] = ()
    caller: tuple[Quota, ...] = ()
    key: tuple[Quota, ...] = ()
    house: tuple[Quota, ...] = ()
    double_click: int = 0
    audit_kept: int = 1_000_000

    async def admission(
        self, digests: Digests, asker: Principal, wish: Wish, call: Call
    ) -> Admission:
        """What a new call is held to, and its entry in the audit stream.

        StorageUnavailable where what numbers are known by is in Redis.
        """
        request = wish.request
        caller = _caller(call, request)
        whose = {
            "callee": (request.to.phone_number, self.callee),
            "caller": (caller, self.caller),
            "key": (f"key {asker.owner}", (*self.key, *asker.quotas)),
            "house": ("house", self.house),
        }
        clicked = f"click {asker.owner}\n{caller}\n{request.to.phone_number}"
        actor = audit.Actor.of(asker, wish.via)
        return Admission(
            owner=asker.owner,
            numbers=tuple([(field, await digests.of(number)) for field, number in _rung(request)]),
            shown_to_callee=await _shown_to_callee(digests, request),
            click=await digests.of(clicked),
            double_click=self.double_click,
            windows=tuple(
                [
                    Window(kind, await digests.of(what), _merged(quotas))
                    for kind, (what, quotas) in whose.items()
                    if quotas
                ]
            ),
            audit=audit.items(audit.ACCEPTED, actor, call.id, call.accepted_at),
            audit_kept=self.audit_kept,
            is_dry=wish.is_dry,
            backlog=backlog(call.owner, call.accepted_at) if call.has_callback else None,
        )


async def _shown_to_callee(digests: Digests, request: RingOutRequest) -> str:
    return await digests.of(request.caller_id.phone_number) if request.caller_id else ""


def _rung(request: RingOutRequest) -> list[tuple[str, str]]:
    """The numbers that are rung, by field."""
    caller = request.from_.phone_number if request.from_ else None
    return [(TO, request.to.phone_number), *([(FROM, caller)] if caller else [])]


def _caller(call: Call, request: RingOutRequest) -> str:
    """Which phone rings first: RingCentral alone knows the number behind an id or a default."""
    caller = request.from_
    if caller is None:
        return f"default {call.credential}\n{call.extension_id}"
    return caller.phone_number or f"forwarding {caller.forwarding_number_id}"


def _merged(quotas: Iterable[Quota]) -> tuple[Quota, ...]:
    """One quota a time, the smaller of two, by time."""
    fewest: dict[int, int] = {}
    for quota in quotas:
        fewest[quota.seconds] = min(quota.most, fewest.get(quota.seconds, quota.most))
    return tuple(Quota(most, seconds) for seconds, most in sorted(fewest.items()))
