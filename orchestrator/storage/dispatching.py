"""What the dispatcher asks of Redis: the right to dispatch, the events, and their deliveries.

The event stream is the outbox. One script compares the cursor, writes the deliveries that some
events make and moves the cursor behind them: so each event makes each of its deliveries once,
whoever dies.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.domain.access import HOUSE_OWNER
from orchestrator.domain.clock import Clock, rfc3339
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.storage import delivery_keys, keys, scripts
from orchestrator.storage.connection import Commands, WrongType
from orchestrator.storage.deliveries import PENDING_TTL_S, JobTemplate
from orchestrator.storage.reading import ids, shown

log = structlog.get_logger(__name__)

MOST_PENDING = 20_000
"""Of one webhook; one that has so many is disabled."""
LEASE_MS = 5_000
BEGINNING = "0-0"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the stream, as far as it decides who is told. `time` is ms."""

    id: str
    time: int
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class New:
    """A delivery to be written; `owner` is that of the webhook, or of a callback's call."""

    id: str
    webhook: str
    event: str
    type: str
    call: str
    sequence: str
    time: int
    body: str
    owner: str = HOUSE_OWNER


@dataclass(frozen=True, slots=True)
class Step:
    """From which event to which the cursor moves, and the webhooks that this was decided on;
    `passed` is how many events there are up to `after`."""

    owner: str
    before: str
    after: str
    version: str
    passed: int = 0


class Dispatching:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(
        self, commands: Commands, blocking: Redis, clock: Clock, template: JobTemplate
    ) -> None:
        """`blocking` needs a socket time-out above two seconds."""
        self._commands = commands
        self._blocking = blocking
        self._clock = clock
        self._template = template

    async def may_dispatch(self, owner: str) -> bool:
        """Whether `owner` is the one that dispatches now; nobody else does for five seconds."""
        answer = await self._commands.run(scripts.ACQUIRE, [delivery_keys.LEASE], owner, LEASE_MS)
        return bool(answer[0])

    async def leave(self, owner: str) -> None:
        """Gives the right back."""
        await self._commands.run(scripts.RELEASE, [delivery_keys.LEASE], owner)

    async def cursor(self) -> str:
        """The last event whose deliveries are written."""
        found = await self._commands.execute("GET", delivery_keys.CURSOR)
        return found.decode() if found is not None else BEGINNING

    async def mend_cursor(self, owner: str) -> None:
        """Begins anew where the cursor cannot be read: events are told again rather than lost."""
        mended = await self._commands.run(
            scripts.MEND_CURSOR,
            [keys.EVENTS, delivery_keys.CURSOR, delivery_keys.PASSED, delivery_keys.LEASE],
            owner,
        )
        if mended:
            log.error("cursor_not_readable", begins="anew")

    async def passed(self, owner: str) -> int:
        """How many events there were up to the cursor; the webhooks that were to be told of
        events that the stream dropped behind it are told that it did."""
        lost, passed = await self._commands.run(
            scripts.NOTE_LOST,
            [
                keys.EVENTS,
                delivery_keys.CURSOR,
                delivery_keys.PASSED,
                delivery_keys.LEASE,
                delivery_keys.WEBHOOKS,
                keys.TOTALS,
            ],
            owner,
            keys.PREFIX,
            rfc3339(self._clock()),
        )
        if lost:
            log.error("events_lost", events=lost)
        return int(passed)

    async def events(self, after: str, most: int, block_ms: int) -> list[Event]:
        """The next events, waited for."""
        try:
            answer = await self._blocking.xread({keys.EVENTS: after}, count=most, block=block_ms)
        except (RedisError, OSError) as error:
            log.warning("events_not_read", error=type(error).__name__)
            raise StorageUnavailable("The events cannot be read.", retry_after=1) from error
        return [_event(entry_id, fields) for _, entries in answer for entry_id, fields in entries]

    async def write(self, step: Step, new: Sequence[New]) -> str:
        """Writes deliveries and moves the cursor: `written`, `moved` (someone else has moved it),
        `lost` (the right is someone else's) or `stale` (the webhooks have changed)."""
        own, arqs = delivery_keys.job_prefixes()
        now = self._clock()
        answer = await self._commands.run(
            scripts.DISPATCH,
            [
                delivery_keys.CURSOR,
                delivery_keys.VERSION,
                delivery_keys.LEASE,
                delivery_keys.DELIVERIES,
                delivery_keys.PENDING,
                delivery_keys.DUE,
                keys.QUEUE,
                delivery_keys.PASSED,
            ],
            step.owner,
            LEASE_MS,
            step.before,
            step.after,
            step.version,
            keys.PREFIX,
            own,
            arqs,
            self._template(now),
            PENDING_TTL_S,
            MOST_PENDING,
            keys.WAKE,
            rfc3339(now),
            step.passed,
            *(part for one in new for part in _parts(one)),
        )
        word: str = answer.decode()
        return word

    async def write_one(self, new: New) -> None:
        """Writes a delivery that no event makes."""
        await self.write(Step("", "", "", ""), [new])

    async def overdue(self, for_ms: int, offset: int) -> list[str]:
        """Deliveries that should have been attempted `for_ms` ago, from `offset` on."""
        latest = await self._server_time() - for_ms
        members = await self._commands.execute(
            "ZRANGE", delivery_keys.DUE, "-inf", latest, "BYSCORE", "LIMIT", offset, _CHUNK
        )
        texts = ids(members, delivery_keys.DUE)
        if len(texts) < len(members):
            strange = set(members) - {text.encode() for text in texts}
            await self._commands.execute("ZREM", delivery_keys.DUE, *strange)
        return texts

    async def ensure_job(self, delivery_id: str) -> bool:
        """Writes a pending delivery's job; False where it has one, or none is due."""
        state, round_ = await self._pending(delivery_id)
        if state != b"pending":
            await self._commands.execute("ZREM", delivery_keys.DUE, delivery_id)
            return False
        argument = delivery_keys.job_argument(delivery_id, shown(round_ or b""))
        content = self._template(self._clock()).replace("@", argument)
        answer = await self._commands.run(
            scripts.ENQUEUE,
            [keys.QUEUE, keys.job(delivery_keys.KIND, argument)],
            keys.job_id(delivery_keys.KIND, argument),
            content,
            0,
            keys.WAKE,
        )
        return bool(answer)

    async def _pending(self, delivery_id: str) -> tuple[bytes | None, bytes | None]:
        """State and round; neither where it is no delivery."""
        key = delivery_keys.delivery(delivery_id)
        try:
            state, round_ = await self._commands.execute("HMGET", key, "state", "round")
        except WrongType:
            log.warning("delivery_not_readable", delivery=delivery_id)
            return None, None
        return state, round_

    async def hasten(self, webhook_id: str, offset: int) -> tuple[int, int]:
        """Makes planned attempts of a webhook's deliveries due now, from `offset` on: how many
        were looked at, and how many of them are pending."""
        looked_at, pending = await self._commands.run(
            scripts.HASTEN_DELIVERIES,
            [delivery_keys.of_webhook(webhook_id), delivery_keys.DUE, keys.QUEUE],
            offset,
            _CHUNK,
            keys.PREFIX,
            delivery_keys.job_prefixes()[0],
        )
        return int(looked_at), int(pending)

    async def prune(self, index: str, offset: int) -> tuple[int, int]:
        """Drops members whose record has gone, from `offset` on: how many there were, and how
        many of them were dropped."""
        members = await self._commands.execute("ZRANGE", index, offset, offset + _CHUNK - 1)
        if not members:
            return 0, 0
        found = await asyncio.gather(
            *(
                self._commands.execute("EXISTS", delivery_keys.delivery(shown(member)))
                for member in members
            )
        )
        dead = [member for member, there in zip(members, found, strict=True) if not there]
        if dead:
            await self._commands.execute("ZREM", index, *dead)
        return len(members), len(dead)

    async def _server_time(self) -> int:
        seconds, micros = await self._commands.execute("TIME")
        return int(seconds) * 1000 + int(micros) // 1000


def _event(entry_id: bytes, fields: dict[bytes, bytes]) -> Event:
    name = entry_id.decode()
    texts = {shown(key): shown(value) for key, value in fields.items()}
    return Event(name, int(name.partition("-")[0]), texts)


def _parts(new: New) -> tuple[str | int, ...]:
    return (
        new.id,
        new.webhook,
        new.event,
        new.type,
        new.call,
        new.sequence,
        new.time,
        new.body,
        new.owner,
    )
