"""Calls in Redis: accepted, changed, read and listed, each by one script or one command.

A change is decided outside (`orchestrator.domain.calls`) and written here by compare-and-set: the
script writes it only to the revision it was decided on, together with its event, its indexes and
what it sets going. Whoever loses decides again on the call as it has become.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from orchestrator.domain.calls import Call, Change
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import (
    CallNotFound,
)
from orchestrator.domain.events import entered
from orchestrator.domain.words import State
from orchestrator.storage import keys, scripts
from orchestrator.storage.admission import UNASKED, Accepted, Admission, Idempotency, accepted
from orchestrator.storage.connection import Commands
from orchestrator.storage.counting import counted
from orchestrator.storage.obstacles import Obstacles, raise_if_held
from orchestrator.storage.records import (
    Record,
    Snapshot,
    as_json,
    event_items,
    readable,
    record_items,
    shown_json,
    snapshot_in,
)

Decide = Callable[[Call], Change | None]


_NO_GATES = (keys.gate("none", "none"), keys.HOUSE_GATE, keys.HOUSE_GATE)

CALLBACK_URL = "callbackUrl"
"""Kept by itself, and never sent to RingCentral."""


def asked(body: Mapping[str, Any], callback_url: str | None) -> dict[str, Any]:
    """What is kept of a request: RingCentral's body, and where the call's events are sent."""
    return {**body, CALLBACK_URL: callback_url} if callback_url else dict(body)


class JobEntry(Protocol):
    """A job to be written with a change."""

    @property
    def kind(self) -> str: ...
    @property
    def call_id(self) -> str: ...
    @property
    def wait(self) -> int: ...
    def encoded(self, now: int) -> str: ...


FollowUp = Callable[[Call | None, Call], JobEntry | None]
"""The job that a change sets going, given the call before (None: it is new) and after."""

Told = Callable[[Call, Call], None]
"""Is told of each change that was written: the call before and after."""


def untold(before: Call, after: Call) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """How long and how much is kept; times are seconds, except `placing_lease` and `first_look`
    (milliseconds). A call is `known` by its phones from its acceptance on."""

    retention: int = 72 * 3600
    live: int = 78 * 3600
    known: int = 16 * 86_400
    idempotency: int = 24 * 3600
    events_kept: int = 100_000
    events_max_age: int = 7 * 86_400
    placing_lease: int = 15_000
    first_look: int = 700


@dataclass(frozen=True, slots=True)
class Look:
    """The look under way at a call, and the wait in milliseconds before the next one."""

    lease: str
    wait: int


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a wish to change: the call as it is now, and whether this changed it."""

    record: Record
    applied: bool


class CallStore:
    """The calls. Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(
        self, commands: Commands, clock: Clock, follow_up: FollowUp, options: StoreOptions
    ) -> None:
        self.commands = commands
        self.options = options
        self._clock = clock
        self._follow_up = follow_up
        self._server_ahead: int | None = None
        self.told: Told = untold

    async def accept(
        self,
        call: Call,
        request: Mapping[str, Any],
        idempotency: Idempotency | None = None,
        patience: int | None = None,
        admission: Admission | None = None,
    ) -> Accepted:
        """Writes a new call down with its event and its job, where the rules let it in.

        With an idempotency key that was used before, the call it made; IdempotencyKeyReused where
        that was for another request. With `patience` (milliseconds), a script that reaches the
        server later than that writes nothing: who was told 503 is not called back.
        RefusedByPolicy or VelocityExceeded where a rule forbids the call.
        """
        job = self._follow_up(None, call)
        shown = shown_json(call)
        arguments = self._accept_arguments(call, shown, job, idempotency, admission)
        if patience is not None and self._server_ahead is None:
            await self._compare_clocks()
        answer = await self.commands.run(
            scripts.ACCEPT,
            [*_accept_keys(call, job, idempotency), *(admission.keys if admission else UNASKED)],
            call.id,
            self._remembered(request),
            self._latest(patience),
            *arguments,
        )
        self._server_ahead = answer[1] - self._clock()
        return accepted(call, shown, answer, admission)

    def _remembered(self, request: Mapping[str, Any]) -> str:
        """What is asked for, how long the call is known by its phones, and its callbackUrl."""
        body = {name: value for name, value in request.items() if name != CALLBACK_URL}
        return f"{as_json(body)}\n{self.options.known}\n{request.get(CALLBACK_URL, '')}"

    async def _compare_clocks(self) -> None:
        seconds, micros = await self.commands.execute("TIME")
        self._server_ahead = int(seconds) * 1000 + int(micros) // 1000 - self._clock()

    def _accept_arguments(
        self,
        call: Call,
        shown: str,
        job: JobEntry | None,
        idempotency: Idempotency | None,
        admission: Admission | None,
    ) -> list[Any]:
        now = self._clock()
        record = record_items(call, shown, revision=1, change_id=uuid4().hex)
        return [
            idempotency.fingerprint if idempotency else "",
            self.options.idempotency,
            self.options.live,
            call.accepted_at,
            *_job_arguments(job, now)[:2],
            self.options.events_kept,
            keys.WAKE,
            self.options.first_look if call.is_followed else "",
            "1" if call.client_reference else "",
            "1" if call.ringout_id else "",
            " ".join(counted(None, call)),
            max(0, call.expires_at - call.accepted_at),
            admission.argument() if admission else "",
            len(record),
            *record,
            *event_items(Change(call, entered(call.state)), shown, now),
        ]

    def _latest(self, patience: int | None) -> int | str:
        if patience is None or self._server_ahead is None:
            return ""
        return self._clock() + self._server_ahead + patience

    async def record(self, call_id: str) -> Record | None:
        """The call at its present revision; None where there is none, or none that can be read."""
        values = await self.commands.execute(
            "HMGET", keys.call(call_id), "document", "private", "revision"
        )
        return None if values[0] is None else readable(call_id, values)

    async def request(self, call_id: str) -> dict[str, Any] | None:
        """What RingCentral is to be asked, with full numbers; None where it is forgotten."""
        text = await self.commands.execute("GET", keys.request(call_id))
        if text is None:
            return None
        body: dict[str, Any] = json.loads(text)
        return body

    async def snapshot(self, call_id: str) -> Snapshot | None:
        """The call ready to be sent, or None."""
        return await snapshot_in(self.commands, call_id)

    async def made_by(self, wish: Idempotency) -> Snapshot | None:
        """The call that an earlier request with the same key and the same wish made, or None."""
        where = keys.idempotency(wish.key, wish.owner)
        found = await self.commands.execute("HMGET", where, "fingerprint", "call")
        if found[0] is None or found[0].decode() != wish.fingerprint:
            return None
        return await self.snapshot(found[1].decode())

    async def by_ringout(self, ringout_id: str) -> str | None:
        """The id of the call that RingCentral knows by this id, or None."""
        call_id = await self.commands.execute("GET", keys.ringout(ringout_id))
        return None if call_id is None else call_id.decode()

    async def change(
        self,
        known: str | Record,
        decide: Decide,
        *,
        obstacles: Obstacles | None = None,
        look: Look | None = None,
    ) -> Written:
        """Changes a call as `decide` says of it as it is now, or leaves it where that says None.

        OutOfTime, Suppressed, Held or UpstreamGated where one of the `obstacles` is in the way at
        the moment of writing. CallNotFound where there is no such call.
        """
        record = await self.record(known) if isinstance(known, str) else known
        change_id = uuid4().hex
        while record is not None:
            change = decide(record.call)
            if change is None:
                return Written(record, applied=False)
            answer = await self._write(record, change, change_id, obstacles, look)
            raise_if_held(answer)
            match answer[0]:
                case b"written":
                    self.told(record.call, change.call)
                    return Written(Record(change.call, record.revision + 1), applied=True)
                case b"lost":
                    record = readable(change.call.id, (*answer[2:4], answer[1]))
                case _:
                    record = None
        raise CallNotFound("There is no such call.")

    def _write(
        self,
        record: Record,
        change: Change,
        change_id: str,
        obstacles: Obstacles | None,
        look: Look | None,
    ) -> Awaitable[Any]:
        before, after = record.call, change.call
        now = self._clock()
        job = self._follow_up(before, after)
        shown = shown_json(after)
        items = record_items(after, shown, record.revision + 1, change_id)
        return self.commands.run(
            scripts.CHANGE,
            _change_keys(before, after, job, obstacles),
            after.id,
            record.revision,
            change_id,
            after.accepted_at,
            obstacles.until if obstacles else "",
            *self._look_plan(before, after, look),
            self._placing_plan(before, after),
            *_job_arguments(job, now),
            self.options.retention if after.is_over else "",
            "1" if _alias(before, after) else "",
            self.options.events_kept,
            keys.WAKE,
            " ".join(counted(before, after)),
            " ".join(obstacles.phones if obstacles else ()),
            len(items),
            *items,
            *event_items(change, shown, now),
        )

    def _look_plan(self, before: Call, after: Call, look: Look | None) -> tuple[int | str, str]:
        if before.is_followed and not after.is_followed:
            return "-", ""
        if after.is_followed and not before.is_followed:
            return self.options.first_look, ""
        return (look.wait, look.lease) if look else ("", "")

    def _placing_plan(self, before: Call, after: Call) -> int | str:
        is_held = after.state is State.PLACING and after.fence
        if is_held and not before.fence:
            return self.options.placing_lease
        was_held = before.state is State.PLACING and before.fence
        return "-" if was_held and not is_held else ""

    async def placing(self, call_id: str) -> tuple[Record | None, dict[str, Any] | None]:
        """The call and what RingCentral is to be asked, in one round trip."""
        record, request = await asyncio.gather(self.record(call_id), self.request(call_id))
        return record, request


def _job_arguments(job: JobEntry | None, now: int) -> tuple[str, str, int]:
    """Id, content and wait of a job, as the scripts take them."""
    if job is None:
        return "", "", 0
    return keys.job_id(job.kind, job.call_id), job.encoded(now), job.wait


def _alias(before: Call, after: Call) -> str:
    """RingCentral's id (of the ring-out, or else of the session) that this change makes known."""
    if after.ringout_id is not None and before.ringout_id is None:
        return after.ringout_id
    is_new = after.session_id is not None and after.session_id != before.session_id
    return after.session_id or "" if is_new else ""


def _job_key(job: JobEntry | None, call: Call) -> str:
    return keys.job(job.kind if job else "none", call.id)


def _accept_keys(call: Call, job: JobEntry | None, idempotency: Idempotency | None) -> list[str]:
    return [
        keys.call(call.id),
        keys.request(call.id),
        _named(idempotency),
        keys.CALLS,
        keys.state(call.state),
        keys.reference(call.client_reference or ""),
        keys.EVENTS,
        keys.QUEUE,
        _job_key(job, call),
        keys.LOOKS,
        keys.ringout(call.ringout_id or ""),
        keys.TOTALS,
        keys.lane(call.credential),
        keys.owned(call.owner),
    ]


def _named(idempotency: Idempotency | None) -> str:
    if idempotency is None:
        return keys.idempotency("", "")
    return keys.idempotency(idempotency.key, idempotency.owner)


def _change_keys(
    before: Call, after: Call, job: JobEntry | None, obstacles: Obstacles | None
) -> list[str]:
    gate, *wider = obstacles.gates if obstacles else _NO_GATES
    return [
        keys.call(after.id),
        keys.state(before.state),
        keys.state(after.state),
        keys.EVENTS,
        keys.LOOKS,
        keys.PLACINGS,
        keys.QUEUE,
        _job_key(job, after),
        keys.ringout(_alias(before, after) or after.ringout_id or ""),
        gate,
        keys.request(after.id),
        keys.TOTALS,
        *wider,
        keys.callback(after.id),
        keys.PAUSED,
        keys.SUPPRESSED,
        *(obstacles.lines if obstacles else ()),
    ]
