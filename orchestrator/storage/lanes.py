"""The lanes: calls of one credential leave in the order in which they were accepted.

A lane is a credential's queue for its heavy budget, so that a burst on one extension delays no
other. A call that is not next keeps its place and its job waits; whoever takes a turn wakes the
next ones.
"""

from dataclasses import dataclass

from arq.constants import in_progress_key_prefix

from orchestrator.domain.budget import Payer, Payment
from orchestrator.storage import keys, scripts
from orchestrator.storage.budget import RedisBudget, bucket_name, gates
from orchestrator.storage.connection import Commands

GROUP = "heavy"
"""RingCentral's group of the request that places a call."""

_PLACE = "place"


@dataclass(frozen=True, slots=True)
class Waiting:
    """It is not this call's turn: so many are `ahead`, and it may come after `seconds`."""

    ahead: int
    seconds: float


class Lanes:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands, budget: RedisBudget) -> None:
        self._commands = commands
        self._budget = budget

    async def enter(
        self, call_id: str, accepted_at: int, payer: Payer, attempt: str
    ) -> Payment | Waiting:
        """Pays for the call's placing if it is its turn. The same `attempt` pays once."""
        payment = Payment(payer, GROUP, f"{call_id}:{attempt}")
        answer = await self._commands.run(
            scripts.ENTER_LANE,
            [*_bucket(payer), keys.BUCKETS, keys.QUEUE],
            call_id,
            accepted_at,
            payment.id,
            *self._budget.terms(GROUP),
            *self._budget.spans(),
            bucket_name(payer.credential, GROUP),
            keys.call(""),
            *place_jobs(),
        )
        if answer[0] == b"paid":
            return payment
        return Waiting(answer[2], answer[1] / 1000)

    async def leave(self, call_id: str, credential: str) -> None:
        """The call waits no more; the next one's turn may have come."""
        lane = [keys.lane(credential), keys.QUEUE]
        await self._commands.run(scripts.LEAVE_LANE, lane, call_id, *place_jobs())

    async def place_of(self, call_id: str, payer: Payer) -> Waiting | None:
        """Where the call stands; None where it does not wait."""
        answer = await self._commands.run(
            scripts.LANE_PLACE, _bucket(payer), call_id, *self._budget.terms(GROUP)
        )
        return None if answer[0] < 0 else Waiting(answer[0], answer[1] / 1000)


def _bucket(payer: Payer) -> list[str]:
    name = payer.credential
    bucket = [keys.lane(name), keys.spent(name, GROUP), keys.allowance(name, GROUP)]
    return [*bucket, *gates(payer, GROUP)]


def place_jobs() -> list[str]:
    """How scripts that start the jobs of waiting calls find them, and where they say so."""
    return [keys.job_id(_PLACE, ""), in_progress_key_prefix, keys.WAKE]
