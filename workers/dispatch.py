"""Dispatching: one worker at a time turns events into deliveries; the stream is its outbox.

It reads the stream from a cursor in Redis. Deliveries are written by the script that moves the
cursor, so each event makes each of its deliveries once. Where nobody is told anything, the cursor
is moved a few times a second and nothing else is done.
"""

import asyncio
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from orchestrator.domain.access import HOUSE_OWNER
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.storage import delivery_keys
from orchestrator.storage.dispatching import Dispatching, Event, New, Step
from orchestrator.storage.webhooks import Webhook, WebhookStore
from workers.retired import Retired

log = structlog.get_logger(__name__)

_MOST_EVENTS = 200
_MOST_WRITTEN = 300
_BLOCK_MS = 2_000
_COMMIT_EVERY_S = 0.25
_NOTHING_PAUSE_S = 0.02
_AFTER_A_FAULT_S = 0.5
_ASK_EVERY_S = 1.0
_UPKEEP_EVERY_S = 5.0
_OVERDUE_MS = 10_000
_MOST_PRUNED = 10
_MOST_OWNERS = 20
_NEEDED = {"type", "at", "data", "call", "sequence"}


@dataclass(frozen=True, slots=True)
class _Known:
    """The webhooks at a version: those that are told of events, and those disabled; `is_partial`
    says that there are others, which cannot be read. `at` is the loop's time."""

    version: str
    webhooks: Sequence[Webhook]
    disabled: Sequence[Webhook]
    is_partial: bool
    at: float


@dataclass(frozen=True, slots=True)
class _Place:
    """An event, and how many there were up to it."""

    event: str
    passed: int

    def after(self, events: Sequence[Event]) -> "_Place":
        """The place of the last of the events that follow."""
        return _Place(events[-1].id, self.passed + len(events)) if events else self


class Dispatcher:
    """Dispatches until it is stopped, where no other worker does."""

    def __init__(
        self, dispatching: Dispatching, webhooks: WebhookStore, retired: Retired | None = None
    ) -> None:
        """`retired` looks after the webhooks of keys that are no more."""
        self._dispatching = dispatching
        self._store = webhooks
        self._retired = retired
        self._owner = uuid4().hex
        self._stopping = asyncio.Event()
        self._upkeep = _Upkeep(dispatching)

    async def run(self) -> None:
        """Asks for the right to dispatch every second, and dispatches while it has it."""
        while not self._stopping.is_set():
            pause = _ASK_EVERY_S
            try:
                if await self._dispatching.may_dispatch(self._owner):
                    await self._dispatch()
            except StorageUnavailable:
                pause = _AFTER_A_FAULT_S
            await self._pause(pause)
        with suppress(StorageUnavailable):
            await self._dispatching.leave(self._owner)

    def stop(self) -> None:
        """Dispatches no more."""
        self._stopping.set()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _dispatch(self) -> None:
        """Until the right is lost, or `stop`."""
        here = cursor = await self._start()
        known, committed = await self._known(), 0.0
        while not self._stopping.is_set():
            block = _BLOCK_MS if here == cursor else round(_COMMIT_EVERY_S * 1000)
            events = await self._events(here.event, block)
            is_behind = len(events) == _MOST_EVENTS
            before, here = here, here.after(events)
            for place, new in _portions(events, before, known.webhooks):
                is_due = is_behind or time.monotonic() - committed >= _COMMIT_EVERY_S
                if not new and not is_due:
                    await self._pause(_NOTHING_PAUSE_S)
                    continue
                word = await self._write(self._step(cursor, place, known), new)
                if word == "stale":
                    here, known = cursor, await self._known()
                    break
                if word != "written":
                    return
                self._upkeep.owners.update((one.owner, None) for one in new)
                cursor, committed = place, time.monotonic()
            if is_behind and here == cursor:
                here = cursor = await self._start()
            known = await self._whole(known)
            await self._upkeep.now_and_then(known)
            if self._retired is not None:
                await self._retired.now_and_then(known.webhooks)

    async def _start(self) -> _Place:
        await self._dispatching.mend_cursor(self._owner)
        cursor = await self._dispatching.cursor()
        return _Place(cursor, await self._dispatching.passed(self._owner))

    def _step(self, cursor: _Place, place: _Place, known: _Known) -> Step:
        return Step(self._owner, cursor.event, place.event, known.version, place.passed)

    async def _events(self, position: str, block: int) -> list[Event]:
        reading = asyncio.create_task(self._dispatching.events(position, _MOST_EVENTS, block))
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait([reading, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not reading.done():
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading
            return []
        return reading.result()

    async def _write(self, step: Step, new: Sequence[New]) -> str:
        word = await self._dispatching.write(step, new)
        if word == "moved" and await self._dispatching.cursor() == step.after:
            return "written"
        return word

    async def _known(self) -> _Known:
        """The version is read first: webhooks that change meanwhile make it old."""
        version = await self._store.version()
        found, strange = await self._store.every()
        webhooks = [one for one in found if one.disabled is None]
        disabled = [one for one in found if one.disabled is not None]
        return _Known(version, webhooks, disabled, bool(strange), time.monotonic())

    async def _whole(self, known: _Known) -> _Known:
        """What can be read now, where something could not be: it may be mended by hand, or come
        from a newer version that goes, and its version says nothing of that."""
        is_old = time.monotonic() - known.at >= _UPKEEP_EVERY_S
        return await self._known() if known.is_partial and is_old else known


@dataclass(frozen=True, slots=True)
class _Pass:
    """How far a pass over a webhook's deliveries is, and how many of them are pending."""

    offset: int = 0
    pending: int = 0


class _Upkeep:
    """Finds deliveries whose job was lost, has those given up that wait for an attempt by a
    webhook that was disabled, and drops from the indexes what is not kept."""

    def __init__(self, dispatching: Dispatching) -> None:
        self._dispatching = dispatching
        self._done_at = 0.0
        self._offsets: dict[str, int] = {}
        self._ending: dict[tuple[str, int], _Pass | None] = {}
        self.owners: dict[str, None] = {}
        """Those of deliveries that were written, the next to be looked after first."""

    async def now_and_then(self, known: _Known) -> None:
        """Every five seconds, a bounded part of it."""
        if time.monotonic() - self._done_at < _UPKEEP_EVERY_S:
            return
        self._done_at = time.monotonic()
        await self._overdue()
        await self._end(known.disabled)
        receivers = (delivery_keys.CALLBACK, *(one.id for one in known.webhooks))
        own = (delivery_keys.of_webhook(name) for name in receivers)
        indexes = (delivery_keys.DELIVERIES, delivery_keys.PENDING, delivery_keys.DEAD)
        for index in (*indexes, *own):
            await self._prune(index)
        for owner in tuple(self.owners)[:_MOST_OWNERS]:
            await self._prune_owner(owner)

    async def _overdue(self) -> None:
        offset = self._offsets.get(delivery_keys.DUE, 0)
        found = await self._dispatching.overdue(_OVERDUE_MS, offset)
        for delivery_id in found:
            if await self._dispatching.ensure_job(delivery_id):
                log.warning("delivery_job_was_missing", delivery=delivery_id)
        self._offsets[delivery_keys.DUE] = offset + len(found) if found else 0

    async def _end(self, disabled: Sequence[Webhook]) -> None:
        """Passes over a webhook's deliveries until none is pending: an attempt that is under way
        may plan another."""
        names = [(one.id, one.revision) for one in disabled]
        self._ending = {name: self._ending.get(name, _Pass()) for name in names}
        for name in names:
            going = self._ending[name]
            if going is not None:
                self._ending[name] = await self._go_on(name[0], going)

    async def _go_on(self, webhook_id: str, going: _Pass) -> _Pass | None:
        for _ in range(_MOST_PRUNED):
            size, pending = await self._dispatching.hasten(webhook_id, going.offset)
            if not size:
                return _Pass() if going.pending else None
            going = _Pass(going.offset + size, going.pending + pending)
        return going

    async def _prune_owner(self, owner: str) -> None:
        """One whose deliveries are all gone is not looked after until there are others."""
        indexes = (delivery_keys.of_owner(owner), delivery_keys.of_callbacks(owner))
        del self.owners[owner]
        if any([await self._prune(index) for index in indexes]):
            self.owners[owner] = None
        else:
            for index in indexes:
                del self._offsets[index]

    async def _prune(self, index: str) -> bool:
        """Whether there is something in it."""
        offset = size = 0
        for _ in range(_MOST_PRUNED):
            offset = self._offsets.get(index, 0)
            size, dropped = await self._dispatching.prune(index, offset)
            self._offsets[index] = offset + size - dropped if size else 0
            if dropped * 2 < size or not size:
                break
        return bool(size or offset)


def _portions(
    events: Sequence[Event], before: _Place, webhooks: Sequence[Webhook]
) -> Iterator[tuple[_Place, list[New]]]:
    """The deliveries of the events, in portions that one script may write; at least one."""
    new: list[New] = []
    for passed, event in enumerate(events, before.passed + 1):
        new += _made(event, webhooks)
        if len(new) >= _MOST_WRITTEN:
            yield _Place(event.id, passed), new
            new = []
    yield before.after(events), new


def _made(event: Event, webhooks: Sequence[Webhook]) -> list[New]:
    if not event.fields.keys() >= _NEEDED:
        log.warning("event_unreadable", entry=event.id)
        return []
    receivers = [(one.id, one.owner) for one in webhooks if wants(one, event)]
    if event.fields.get("callback") == "1":
        receivers.append((delivery_keys.CALLBACK, event.fields.get("owner", HOUSE_OWNER)))
    if not receivers:
        return []
    kind, at, data = (event.fields[name] for name in ("type", "at", "data"))
    body = f'{{"type":"{kind}","timestamp":"{at}","data":{data}}}'
    return [
        New(
            id=delivery_id(receiver, event.id),
            webhook=receiver,
            event=event.id,
            type=kind,
            call=event.fields["call"],
            sequence=event.fields["sequence"],
            time=event.time,
            body=body,
            owner=owner,
        )
        for receiver, owner in receivers
    ]


def wants(webhook: Webhook, event: Event) -> bool:
    """Whether a webhook is told of an event: of its owner's calls, or of all where it hears all,
    since it was created, of its types and filters."""
    fields = event.fields
    pairs = (
        (webhook.account_id, fields.get("accountId")),
        (webhook.extension_id, fields.get("extensionId")),
        (webhook.client_reference, fields.get("clientReference")),
    )
    if not webhook.hears_all and fields.get("owner", HOUSE_OWNER) != webhook.owner:
        return False
    if event.time < webhook.created:
        return False
    if webhook.event_types and fields["type"] not in webhook.event_types:
        return False
    return all(wanted is None or wanted == given for wanted, given in pairs)


def delivery_id(receiver: str, event_id: str) -> str:
    """The one delivery that an event makes for a receiver."""
    digest = hashlib.sha256(f"{receiver}\n{event_id}".encode()).hexdigest()
    return f"dlv_{digest[:32]}"
