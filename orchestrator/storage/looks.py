"""The due-set of looks: which live call is to be looked at next, and by whom."""

from dataclasses import dataclass
from secrets import randbelow

from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.reading import shown
from orchestrator.storage.records import Record, readable


@dataclass(frozen=True, slots=True)
class Claimed:
    """A call to look at; `lease` is to be shown when the next look is put off.

    `told` is how many milliseconds ago RingCentral told of it, None for never; `words` on what:
    `over`, and `both` where it tells of the customer's phone as well.
    """

    record: Record
    lease: str
    told: int | None = None
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Due:
    """What was claimed, and the milliseconds until the next look is due (None: none is)."""

    claimed: list[Claimed]
    wait: int | None


class Looks:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def claim(self, lease_ms: int, most: int) -> Due:
        """Up to `most` calls that are due, for `lease_ms`; nobody else gets them before that."""
        answer = await self._commands.run(
            scripts.CLAIM_LOOKS, [keys.LOOKS], lease_ms, most, keys.call(""), randbelow(1000)
        )
        claimed = [
            Claimed(
                record,
                lease.decode(),
                told=None if since < 0 else since,
                words=frozenset(shown(words).split()),
            )
            for call_id, lease, revision, document, private, since, words in answer[1:]
            if (record := readable(shown(call_id), (document, private, revision))) is not None
        ]
        return Due(claimed, None if answer[0] < 0 else answer[0])

    async def postpone(self, call_id: str, lease: str, wait: int) -> bool:
        """Sets the next look `wait` milliseconds from now; False where the lease has ended."""
        answer = await self._commands.run(scripts.POSTPONE_LOOK, [keys.LOOKS], call_id, lease, wait)
        return bool(answer)

    async def drop(self, call_id: str, lease: str) -> bool:
        """Looks no more at a call that is not followed; False where the lease has ended."""
        answer = await self._commands.run(scripts.POSTPONE_LOOK, [keys.LOOKS], call_id, lease, "-")
        return bool(answer)
