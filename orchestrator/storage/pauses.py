"""The pause switch: while the house or the owner of a call is paused, no call is placed.

The script that gives the right to ask RingCentral looks at it, so that it holds from the moment
at which it is written. Calls that wait for its end are started by the script that ends it.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from orchestrator.domain import phones
from orchestrator.domain.calls import Reason
from orchestrator.domain.clock import from_rfc3339, rfc3339
from orchestrator.domain.words import State
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.lanes import place_jobs
from orchestrator.storage.reading import NOT_READABLE, shown

PAUSED = "paused"
"""The reason's code of a call that waits for the end of a pause."""

log = structlog.get_logger(__name__)

_HOUSE = "house"
_KEY = "key:"
_BATCH = 500
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause: why (may be empty), by whom, and since when (RFC 3339); the latter two are empty
    where its entry cannot be read."""

    reason: str
    by: str
    since: str

    def why(self) -> Reason:
        """What is shown of a call that waits for its end."""
        told = f": {self.reason}" if self.reason else "."
        return Reason(PAUSED, f"Placing has been paused{told}")


_STRANGE = Pause("its entry in Redis cannot be read, and holds until it is ended", "", "")


class Held(Exception):
    """The call may not be placed: the house or its owner is paused."""

    def __init__(self, pause: Pause) -> None:
        super().__init__(pause.reason)
        self.pause = pause


@dataclass(frozen=True, slots=True)
class Paused:
    """All pauses: the house's, and those of keys by their ids."""

    house: Pause | None
    keys: Mapping[str, Pause]

    def of(self, owner: str) -> Pause | None:
        """The pause that an owner's calls wait for, the house's first."""
        return self.house or self.keys.get(owner)


class Pauses:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def read(self) -> Paused:
        """All pauses."""
        flat = await self._commands.execute("HGETALL", keys.PAUSED)
        found = {shown(name): pause_in(value) for name, value in flat.items()}
        of_keys = {
            name.removeprefix(_KEY): one for name, one in found.items() if name.startswith(_KEY)
        }
        return Paused(found.get(_HOUSE), of_keys)

    async def begin(self, key: str | None, reason: str, by: str, now: int) -> None:
        """Pauses the house, or a key's calls; what was paused already has a new reason.

        Dashboards read who it was and why: numbers in either are masked.
        """
        told = {"reason": phones.scrubbed(reason), "by": phones.scrubbed(by)}
        said = json.dumps({**told, "since": rfc3339(now)})
        await self._commands.execute("HSET", keys.PAUSED, _field(key), said)

    async def end(self, key: str | None) -> bool:
        """Whether there was a pause to end; the calls that waited for it are started, in order."""
        return await self._started(key, ends=True)

    async def start(self, key: str | None) -> None:
        """Starts the calls that waited for a pause which has ended; one that is on goes on."""
        await self._started(key, ends=False)

    async def _started(self, key: str | None, *, ends: bool) -> bool:
        was_paused, is_first = False, ends
        for state in (State.QUEUED, State.PLACING):
            begin, most = "-inf", _BATCH
            while begin:
                ended, last = await self._resumed(key, state, begin, most, is_first=is_first)
                was_paused, is_first = was_paused or ended, False
                begin, most = last, 2 * most if last == begin else _BATCH
        return was_paused

    async def _resumed(
        self, key: str | None, state: State, begin: str, most: int, *, is_first: bool
    ) -> tuple[bool, str]:
        answer = await self._commands.run(
            scripts.RESUME,
            [keys.PAUSED, keys.state(state), keys.QUEUE],
            _field(key),
            begin,
            most,
            keys.call(""),
            keys.lane(""),
            *place_jobs(),
            "1" if is_first else "",
        )
        return bool(answer[0]), answer[1].decode()

    async def settled(self, seconds: float) -> int:
        """Waits until every placing that was under way is over, at most so long; how many are
        left, whose requests may still reach RingCentral."""
        known = await self._under_way()
        left = known
        loop = asyncio.get_running_loop()
        give_up = loop.time() + seconds
        while left and loop.time() < give_up:
            await asyncio.sleep(_LOOK_S)
            left = known & await self._under_way()
        return len(left)

    async def _under_way(self) -> set[bytes]:
        return set(await self._commands.execute("ZRANGE", keys.PLACINGS, 0, -1))


def pause_in(value: bytes) -> Pause:
    """The pause that `begin` wrote; one that cannot be read holds as well."""
    try:
        said = json.loads(value)
        from_rfc3339(said["since"])
        return Pause("" + said["reason"], "" + said["by"], said["since"])
    except NOT_READABLE as error:
        log.warning("pause_not_readable", error=type(error).__name__)
        return _STRANGE


def _field(key: str | None) -> str:
    return _HOUSE if key is None else _KEY + key
