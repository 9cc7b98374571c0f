"""Whether RingCentral's notifications come, by credential, and which worker listens to them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.storage import keys, notice_keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.stats import ALIVE_MS

LEASE_MS = 15_000
_FEED_MS = 20_000


class FeedState(StrEnum):
    """How a feed stands."""

    CONNECTING = "connecting"
    LISTENING = "listening"
    LOST = "lost"
    """It is tried to get it back."""
    REFUSED = "refused"
    """RingCentral does not allow it: it is tried again after minutes."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a feed stands, and for how long; `missed` is how long ago the end of a call was seen that
    it is not known to have told of, None for never. Milliseconds."""

    state: str = ""
    since: int = 0
    missed: int | None = None


class Feeds:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def standing(self, credential: str) -> Standing:
        """How a credential's feed stands; an empty state where nobody listens."""
        answer = await self._commands.run(scripts.READ_FEED, [notice_keys.feed(credential)])
        missed = None if answer[2] < 0 else int(answer[2])
        return Standing(answer[0].decode(), int(answer[1]), missed)

    async def suspect(self, credential: str, call_id: str, span: int) -> None:
        """A call was found over without a notice of it; remembered for `span` milliseconds."""
        key = [notice_keys.feed(credential)]
        await self._commands.run(scripts.SUSPECT_FEED, key, call_id, span)

    async def workers(self) -> int:
        """How many workers are alive, among which the feeds are shared out; at least one."""
        seconds, _ = await self._commands.execute("TIME")
        since = int(seconds) * 1000 - ALIVE_MS
        return max(1, int(await self._commands.execute("ZCOUNT", keys.WORKERS, since, "+inf")))

    async def unheld(self, credentials: Sequence[str]) -> list[str]:
        """Those that nobody listens to."""
        if not credentials:
            return []
        names = [notice_keys.listening(credential) for credential in credentials]
        holders = await self._commands.execute("MGET", *names)
        return [one for one, held in zip(credentials, holders, strict=True) if held is None]

    async def hold(self, credential: str, owner: str) -> bool:
        """Whether `owner` listens from now on, for `LEASE_MS`; False: another does."""
        key = [notice_keys.listening(credential)]
        answer = await self._commands.run(scripts.ACQUIRE, key, owner, LEASE_MS)
        return bool(answer[0])

    async def release(self, credential: str, owner: str) -> None:
        """Gives the right to listen back."""
        await self._commands.run(scripts.RELEASE, [notice_keys.listening(credential)], owner)

    async def tell(
        self, credential: str, owner: str, state: FeedState, fields: Mapping[str, str]
    ) -> bool:
        """Says how a feed stands, for so long as a lease lives and a little; False where `owner`
        does not listen to it any more."""
        items = {"state": state.value, **fields}
        answer = await self._commands.run(
            scripts.TELL_FEED,
            [
                notice_keys.feed(credential),
                notice_keys.FEEDS,
                notice_keys.listening(credential),
            ],
            owner,
            _FEED_MS,
            credential,
            "1" if state is FeedState.LISTENING else "",
            *(part for item in items.items() for part in item),
        )
        return bool(answer)

    async def all(self, credentials: Sequence[str]) -> dict[str, dict[str, str]]:
        """What is said of each feed; those that nobody listens to are left out."""
        rows = await asyncio.gather(
            *(self._commands.execute("HGETALL", notice_keys.feed(one)) for one in credentials)
        )
        return {
            name: {field.decode(): value.decode() for field, value in row.items()}
            for name, row in zip(credentials, rows, strict=True)
            if row
        }
