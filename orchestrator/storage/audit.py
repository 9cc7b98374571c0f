"""The audit stream: who did what, in order, only ever added to.

An entry is written before what it tells of is done, or by the same script: nothing happens
untold. It holds no phone number and no secret: nothing can be taken out of it again, so that what
people have worded is masked before it goes in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.domain import phones
from orchestrator.domain.access import Principal
from orchestrator.domain.clock import Clock, rfc3339
from orchestrator.storage import keys
from orchestrator.storage.connection import Commands
from orchestrator.storage.events import START, Place
from orchestrator.storage.rule_book import AUDIT_FIELDS

ACCEPTED = "call.accepted"
CANCELLED = "call.cancel_requested"
PAUSED = "house.paused"
RESUMED = "house.resumed"
KEY_CREATED = "key.created"
KEY_ROTATED = "key.rotated"
KEY_REVOKED = "key.revoked"
WEBHOOK_CREATED = "webhook.created"
WEBHOOK_CHANGED = "webhook.changed"
WEBHOOK_DELETED = "webhook.deleted"
REDELIVERED = "delivery.redelivered"
SUPPRESSED = "number.suppressed"
UNSUPPRESSED = "number.unsuppressed"
FORGOTTEN = "number.forgotten"
UNREADABLE = "unreadable"
"""The action of an entry that names none: no process of ours writes one, whoever may add may."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: a principal's owner and name, and by which way (`rest`, `mcp`, `cli`)."""

    owner: str
    name: str
    via: str

    @classmethod
    def of(cls, asker: Principal, via: str) -> "Actor":
        """The actor that a front end's asker is."""
        return cls(asker.owner, asker.name, via)


def items(action: str, actor: Actor, about: str, at: int, detail: str = "") -> list[str]:
    """An entry as the flat list that XADD takes; `about` is the id of what was acted on.

    Numbers in the actor's name and in the detail are masked; ids are kept as they are.
    """
    return [
        *("schema", "1", "at", rfc3339(at), "action", action),
        *("owner", actor.owner, "actor", phones.scrubbed(actor.name), "via", actor.via),
        *("about", about, "detail", phones.scrubbed(detail)),
    ]


@dataclass(frozen=True, slots=True)
class Audit:
    """Adds and reads entries; StorageUnavailable when Redis does not answer in time."""

    commands: Commands
    clock: Clock
    kept: int = 1_000_000

    async def note(self, action: str, actor: Actor, about: str, detail: str = "") -> None:
        """Adds an entry."""
        entry = items(action, actor, about, self.clock(), detail)
        await self.commands.execute("XADD", keys.AUDIT, "MAXLEN", "~", self.kept, "*", *entry)

    async def newest(self, count: int) -> list[Mapping[str, str]]:
        """The newest entries, newest first, each with its `id` and every documented field."""
        return await self.before("", count)

    async def before(self, entry_id: str, count: int) -> list[Mapping[str, str]]:
        """The newest entries before one (before none of them: an empty id), newest first."""
        if entry_id and Place.of(entry_id) == START:  # Redis refuses to be asked for less
            return []
        newest = f"({entry_id}" if entry_id else "+"
        found = await self.commands.execute("XREVRANGE", keys.AUDIT, newest, "-", "COUNT", count)
        return [{"id": place.decode(), **_fields(flat)} for place, flat in found]


def _fields(flat: list[bytes] | Mapping[bytes, bytes]) -> dict[str, str]:
    """The documented fields of an entry; what it lacks is empty, what else it holds is not told."""
    pairs = flat.items() if isinstance(flat, Mapping) else zip(flat[::2], flat[1::2], strict=True)
    held = {name: value.decode(errors="replace") for name, value in pairs}
    known = {name: held.get(name.encode(), "") for name, _ in AUDIT_FIELDS}
    return {**known, "action": known["action"] or UNREADABLE}
