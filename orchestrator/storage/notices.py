"""What RingCentral's notifications leave behind: what was heard, and looks that are due now."""

import asyncio
import json
from dataclasses import dataclass
from uuid import uuid4

from orchestrator.domain.clock import rfc3339
from orchestrator.domain.notices import Notice
from orchestrator.storage import keys, notice_keys, scripts
from orchestrator.storage.connection import Commands

_KEPT_S = 900
_CHUNK = 200


@dataclass(frozen=True, slots=True)
class Hearsay:
    """Whether a notice tells anything that no later one has told, and when the first of its
    session was made (ms)."""

    is_news: bool
    began_at: int


class NoticeBook:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    async def hear(self, credential: str, notice: Notice, now: int) -> Hearsay:
        """Notes a notice; of two with one sequence, and of an older one, it says that."""
        parties = dict.fromkeys(party.id for party in notice.parties)
        answer = await self._commands.run(
            scripts.HEAR,
            [notice_keys.heard(notice.session_id), notice_keys.feed(credential)],
            uuid4().hex,
            notice.at or now,
            _KEPT_S,
            rfc3339(now),
            notice.sequence,
            *parties,
        )
        return Hearsay(bool(answer[0]), int(answer[1]))

    async def has_heard_of(self, session_id: str) -> bool:
        """Whether a session was told of within the last quarter of an hour."""
        key = notice_keys.heard(session_id)
        return bool(await self._commands.execute("EXISTS", key))

    async def hurry_look(self, call_id: str, credential: str, told: str = "") -> bool:
        """Makes the next look at a call due now; False where it is not looked at.

        `told` are words on what was told of it (`over`, `both`, or any), empty where it was not.
        """
        answer = await self._commands.run(
            scripts.HURRY_LOOK,
            [keys.LOOKS, keys.call(call_id), notice_keys.feed(credential)],
            call_id,
            told,
            keys.WAKE,
        )
        return bool(answer)

    async def hurry_job(self, kind: str, call_id: str) -> bool:
        """Makes a call's job of a kind due now; False where none waits."""
        job = keys.job_id(kind, call_id)
        where = [keys.QUEUE, keys.in_progress(job)]
        return bool(await self._commands.run(scripts.HURRY_JOB, where, job, keys.WAKE))

    async def hurry_all(self, credentials: frozenset[str]) -> int:
        """Makes the next looks at all live calls of some credentials due now; how many."""
        hurried = 0
        members = await self._commands.execute("ZRANGE", keys.LOOKS, 0, -1)
        for start in range(0, len(members), _CHUNK):
            ids = [member.decode() for member in members[start : start + _CHUNK]]
            rows = await asyncio.gather(*(self._owner(call_id) for call_id in ids))
            owned = zip(ids, rows, strict=True)
            own = [(call_id, owner) for call_id, owner in owned if owner in credentials]
            await asyncio.gather(*(self.hurry_look(*one) for one in own))
            hurried += len(own)
        return hurried

    async def _owner(self, call_id: str) -> str:
        private = await self._commands.execute("HGET", keys.call(call_id), "private")
        return str(json.loads(private).get("credential", "")) if private else ""
