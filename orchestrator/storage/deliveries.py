"""Deliveries in Redis: attempted by one worker at a time, settled, and made anew by request."""

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog

from orchestrator.domain.clock import Clock, rfc3339
from orchestrator.domain.errors import DeliveryNotFound, WebhookDisabled
from orchestrator.storage import delivery_keys, keys, scripts
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.reading import NOT_READABLE
from orchestrator.storage.webhooks import Secret, secrets_of

log = structlog.get_logger(__name__)

PENDING_TTL_S = 15 * 86_400
"""How long after its event a delivery may wait for its first attempt."""
JITTER = 0.2
LONGEST_RETRY_AFTER_S = 86_400.0
"""So far at most a receiver may put an attempt off."""
_LEAST_TTL_S = 60

JobTemplate = Callable[[int], str]
"""The JSON of a delivery's job, enqueued at a time (ms), with `@` where its argument goes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """How long (s) a delivery is kept once it is settled; `ladder` is the waits (s) between its
    attempts."""

    delivered: int = 86_400
    dead: int = 72 * 3600
    ladder: tuple[float, ...] = ()

    @property
    def at_most(self) -> int:
        """The seconds after its event from which on nothing is kept of a delivery, whether it was
        made anew or not: enough for the ladder, each step put off by the receiver."""
        steps = (max(step * (1 + JITTER), LONGEST_RETRY_AFTER_S) for step in self.ladder)
        return max(PENDING_TTL_S, math.ceil(sum(steps)) + max(self.delivered, self.dead))


@dataclass(frozen=True, slots=True)
class Started:
    """A delivery that this worker may attempt: where to, signed with what (None: a callback's)."""

    id: str
    round: str
    token: str
    webhook: str
    call: str
    event: str
    type: str
    attempts: int
    body: str
    is_enabled: bool
    url: str
    secrets: tuple[Secret, ...] | None
    owner: str
    created: int

    @property
    def is_callback(self) -> bool:
        """Whether it goes to a call's own `callbackUrl`."""
        return self.webhook == delivery_keys.CALLBACK


@dataclass(frozen=True, slots=True)
class NotNow:
    """A delivery that is not to be attempted: `wait` (ms) until it may be, None for never."""

    wait: int | None


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a delivery: `state` is pending, delivered, dead or deleted; `wait` is the
    milliseconds until a pending one's next attempt."""

    state: str
    wait: int = 0
    is_attempt: bool = True
    status: int | None = None
    code: str = ""
    message: str = ""
    source: str = ""


_STRANGE = Settled(
    "dead",
    is_attempt=False,
    code="not_readable",
    message="What is kept of it, or of its webhook, could not be read.",
    source="ours",
)


class DeliveryStore:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(
        self, commands: Commands, clock: Clock, template: JobTemplate, kept: Kept | None = None
    ) -> None:
        self.commands = commands
        self.template = template
        self._clock = clock
        self._kept = kept or Kept()

    async def begin(self, argument: str, token: str, lease_ms: int) -> Started | NotNow:
        """Takes the delivery that a job's argument names; nobody else has it for `lease_ms`.

        One that cannot be read is given up.
        """
        delivery_id, round_ = delivery_keys.argument_parts(argument)
        try:
            answer = await self._begun(delivery_id, round_, token, lease_ms)
            if answer[0] == b"go":
                return _started(delivery_id, round_, token, answer[1:])
        except NOT_READABLE as error:
            log.warning("delivery_not_readable", delivery=delivery_id, error=type(error).__name__)
            with suppress(WrongType):
                await self.settle(_strange(delivery_id, round_, token, self._clock()), _STRANGE)
            return NotNow(None)
        return NotNow(int(answer[1]) if answer[0] == b"later" else None)

    async def _begun(self, delivery_id: str, round_: str, token: str, lease_ms: int) -> list[Any]:
        answer: list[Any] = await self.commands.run(
            scripts.BEGIN_DELIVERY,
            [delivery_keys.delivery(delivery_id)],
            delivery_id,
            round_,
            token,
            lease_ms,
            keys.PREFIX,
        )
        return answer

    async def release(self, started: Started) -> None:
        """Gives a delivery back without an attempt."""
        await self.commands.run(
            scripts.RELEASE_DELIVERY, [delivery_keys.delivery(started.id)], started.token
        )

    async def settle(self, started: Started, settled: Settled) -> bool:
        """Writes what came of it; False where it is not this worker's any more.

        It is given up where nothing would be kept of it any more at its next attempt.
        """
        argument = delivery_keys.job_argument(started.id, started.round)
        own, arqs = delivery_keys.job_prefixes()
        now = self._clock()
        settled, ttl = self._in_time(settled, (now - started.created) // 1000)
        answer = await self.commands.run(
            scripts.SETTLE_DELIVERY,
            [
                delivery_keys.delivery(started.id),
                delivery_keys.DELIVERIES,
                delivery_keys.PENDING,
                delivery_keys.DUE,
                delivery_keys.DEAD,
                keys.QUEUE,
                keys.job(delivery_keys.KIND, argument),
            ],
            started.id,
            started.token,
            settled.state,
            settled.wait,
            ttl,
            "1" if settled.is_attempt else "",
            keys.PREFIX,
            own,
            arqs,
            self.template(now),
            keys.WAKE,
            *_outcome(settled, rfc3339(now)),
        )
        return bool(answer)

    def _in_time(self, settled: Settled, age: int) -> tuple[Settled, int]:
        """What becomes of a delivery whose event is `age` seconds old, and the seconds for which
        it is kept."""
        left = self._kept.at_most - age
        if settled.state == "pending" and settled.wait >= 1000 * left:
            settled = replace(settled, state="dead", wait=0)
        known = {"delivered": self._kept.delivered, "dead": self._kept.dead}
        return settled, max(_LEAST_TTL_S, min(left, known.get(settled.state, left)))

    async def redeliver(self, delivery_id: str) -> None:
        """Attempts a delivery anew, at once; DeliveryNotFound or WebhookDisabled where not.

        One that waits for its first attempt goes on waiting for its turn.
        """
        own, arqs = delivery_keys.job_prefixes()
        answer = await self.commands.run(
            scripts.REDELIVER,
            [
                delivery_keys.delivery(delivery_id),
                delivery_keys.PENDING,
                delivery_keys.DUE,
                delivery_keys.DEAD,
                keys.QUEUE,
            ],
            delivery_id,
            keys.PREFIX,
            own,
            arqs,
            self.template(self._clock()),
            keys.WAKE,
            self._kept.at_most,
        )
        if answer == b"missing":
            raise DeliveryNotFound("There is no such delivery any more, or its webhook is gone.")
        if answer == b"disabled":
            raise WebhookDisabled("The webhook is disabled; enable it first.")


def _started(delivery_id: str, round_: str, token: str, answer: list[Any]) -> Started:
    webhook, call, event, type_, attempts, body, enabled, target, secrets, owner, created = (
        part.decode() for part in answer
    )
    is_callback = webhook == delivery_keys.CALLBACK
    known = None if is_callback else secrets_of(secrets) if target else ()
    return Started(
        id=delivery_id,
        round=round_,
        token=token,
        webhook=webhook,
        call=call,
        event=event,
        type=type_,
        attempts=int(attempts),
        body=body,
        is_enabled=bool(enabled),
        url=target,
        secrets=known,
        owner=owner,
        created=int(created),
    )


def _strange(delivery_id: str, round_: str, token: str, now: int) -> Started:
    """As much of a delivery that cannot be read as it takes to settle it."""
    nothing = dict.fromkeys(("webhook", "call", "event", "type", "body", "url", "owner"), "")
    return Started(
        delivery_id,
        round_,
        token,
        attempts=0,
        is_enabled=False,
        secrets=(),
        created=now,
        **nothing,
    )


def _outcome(settled: Settled, now: str) -> list[str | int]:
    fields: dict[str, str | int] = {
        "failureCode": settled.code,
        "failure": settled.message,
        "failureSource": settled.source,
        "status": "" if settled.status is None else settled.status,
    }
    if settled.is_attempt:
        fields["lastAttemptAt"] = now
    if settled.state != "pending":
        fields["settledAt"] = now
    return [part for item in fields.items() for part in item]
