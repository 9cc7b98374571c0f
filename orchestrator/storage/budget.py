"""The rate budget that all processes share: every request to RingCentral pays before it leaves.

Each bucket is a sliding window in Redis, by Redis's clock. A request counts from the moment it is
paid for until a window after its answer, so whatever RingCentral counts is counted here too, and
longer. A 429 closes a gate to every process: each request inside a penalty starts it anew.
"""

import asyncio
from uuid import uuid4

from orchestrator.domain.budget import Heard, Limit, Payer, Payment, Rules, Scope
from orchestrator.domain.errors import UpstreamGated
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands

PROBE_MS = 500
"""How long a request to a bucket that has never answered goes alone."""

_GATE_MARGIN_S = 0.5
"""`Retry-After` is a whole number of seconds: rounded down, it would end inside the penalty."""


_TELLS_NO_LIMIT = "auth"
"""RingCentral sends no rate headers with a token: there the assumed limit holds."""

_GATES = {Scope.BUCKET: 3, Scope.ACCOUNT: 4, Scope.HOUSE: 5}
"""Which of the script's keys is the gate of a scope."""


def bucket_name(credential: str, group: str) -> str:
    """How a bucket is called in the list of those in use."""
    return f"{credential} {group}"


def gates(payer: Payer, group: str) -> list[str]:
    """The gates that a request passes."""
    credential = keys.gate(payer.credential, group)
    return [credential, keys.account_gate(payer.account), keys.HOUSE_GATE]


class RedisBudget:
    """Raises StorageUnavailable without Redis: then nothing is sent."""

    def __init__(self, commands: Commands, rules: Rules | None = None) -> None:
        self._commands = commands
        self.rules = rules or Rules()

    async def spend(
        self, payer: Payer, group: str, *, care: bool = False, pace: float = 0
    ) -> Payment:
        """Pays for one request; UpstreamGated, with the seconds to wait, where it may not leave.

        `care` marks what the reserve is kept for: cancels and reconciliation. `pace` is the share
        of the limit that may be spent within a sixth of the window, 0 for all of it.
        """
        payment = Payment(payer, group, uuid4().hex)
        answer = await self._commands.run(
            scripts.SPEND,
            [
                keys.spent(payer.credential, group),
                keys.allowance(payer.credential, group),
                *gates(payer, group),
                keys.BUCKETS,
            ],
            payment.id,
            *self.terms(group),
            "1" if care else "",
            *self.spans(),
            bucket_name(payer.credential, group),
            f"{pace:g}",
            self.rules.yields.get(group, 0.0),
        )
        if answer[0] != b"paid":
            raise UpstreamGated("RingCentral's rate limit is spent.", answer[1] / 1000)
        return payment

    async def passable(self, payer: Payer) -> None:
        """Returns where the gates above the groups are open, which every request passes, paid or
        not; UpstreamGated where one is closed."""
        (seconds, micros), *until = await asyncio.gather(
            self._commands.execute("TIME"),
            *(self._commands.execute("HGET", gate, "until") for gate in gates(payer, "")[1:]),
        )
        now = 1000 * int(seconds) + int(micros) // 1000
        left = max(int(end or 0) for end in until) - now
        if left > 0:
            raise UpstreamGated("RingCentral's rate limit is spent.", left / 1000)

    async def settle(self, payment: Payment, heard: Heard) -> None:
        """Tells what came of a request that was sent."""
        limit, penalty = heard.limit, heard.penalty
        if limit is None and payment.group == _TELLS_NO_LIMIT:
            rate = self.rules.assumed[payment.group]
            limit = Limit(rate.limit, rate.limit, rate.window)
        await self._settle(
            payment,
            "answered" if heard.answered else "unanswered",
            *((limit.limit, limit.remaining, 1000 * limit.window) if limit else ("", "", "")),
            round(1000 * (penalty.seconds + _GATE_MARGIN_S)) if penalty else "",
            _GATES[penalty.scope if penalty else Scope.BUCKET],
        )

    async def refund(self, payment: Payment) -> None:
        """Takes a payment back: nothing was sent."""
        await self._settle(payment, "unsent", "", "", "", "", _GATES[Scope.BUCKET])

    async def _settle(self, payment: Payment, *arguments: str | int) -> None:
        credential, group = payment.payer.credential, payment.group
        bucket = [keys.spent(credential, group), keys.allowance(credential, group)]
        where = [*bucket, *gates(payment.payer, group)]
        await self._commands.run(scripts.SETTLE, where, payment.id, *arguments)

    def terms(self, group: str) -> list[int]:
        """What the scripts want to know of a group: limit, window, reserve, patience."""
        rate = self.rules.assumed[group]
        reserve = self.rules.reserve.get(group, 0)
        return [rate.limit, 1000 * rate.window, reserve, round(1000 * self.rules.patience)]

    def spans(self) -> list[int]:
        """For how long a request may be under way, and go alone (ms)."""
        return [round(1000 * self.rules.hold), PROBE_MS]
