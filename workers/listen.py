"""Listening: each credential's notifications are listened to by one worker.

The credentials are shared out by leases, about as many to each worker that is alive; what a dead
one had is free when its leases end. One whose token nobody has yet is left alone until its first
call: logins are few, and calls come before notifications.
"""

import asyncio
import math
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from orchestrator.domain.credentials import Credential
from orchestrator.domain.errors import RingOutError, StorageUnavailable
from orchestrator.storage.credentials import CredentialBook
from orchestrator.storage.feeds import Feeds, FeedState
from orchestrator.storage.notices import NoticeBook
from orchestrator.telephony.fleet import Fleet
from workers.ears import Ear

log = structlog.get_logger(__name__)

EVERY_S = 4.0
_COALESCED_S = 0.05
_AWAY_S = 1.0
_MOST_TAKEN = 20
_MOST_GIVEN = 10
"""In one round: so that a worker that comes or goes is no storm."""

EarFor = Callable[[Credential, str], Ear]
"""The ear of a credential, and of who holds it."""


class Gaps:
    """Where notices may have been missed, all live calls of the credential are looked at."""

    def __init__(self, book: NoticeBook) -> None:
        self._book = book
        self._missed: set[str] = set()
        self._added = asyncio.Event()

    def add(self, credential: str) -> None:
        """Notices of this credential may have been missed."""
        self._missed.add(credential)
        self._added.set()

    async def run(self) -> None:
        """Hurries the looks, until it is cancelled."""
        while True:
            await self._added.wait()
            await asyncio.sleep(_COALESCED_S)
            self._added.clear()
            missed, self._missed = frozenset(self._missed), set()
            try:
                hurried = await self._book.hurry_all(missed)
            except StorageUnavailable:
                self._missed |= missed
                self._added.set()
                await asyncio.sleep(_AWAY_S)
            else:
                log.info("looks_hurried", credentials=sorted(missed), looks=hurried)


@dataclass(frozen=True, slots=True)
class _Held:
    credential: Credential
    ear: Ear
    task: asyncio.Task[None]


class Listener:
    """Listens until it is stopped; what it holds is given back then."""

    def __init__(
        self, feeds: Feeds, book: CredentialBook, fleet: Fleet, gaps: Gaps, ear_for: EarFor
    ) -> None:
        self._feeds, self._book, self._fleet = feeds, book, fleet
        self._gaps, self._ear_for = gaps, ear_for
        self._owner = uuid4().hex
        self._held: dict[str, _Held] = {}
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Shares the credentials out with the other workers, until `stop`."""
        gaps = asyncio.create_task(self._gaps.run())
        try:
            while not self._stopping.is_set():
                with suppress(StorageUnavailable):
                    await self._share_out()
                with suppress(TimeoutError):
                    async with asyncio.timeout(EVERY_S):
                        await self._stopping.wait()
        finally:
            for name in list(self._held):
                await self._give_back(name)
            await _ended(gaps)

    def stop(self) -> None:
        """Listens no more."""
        self._stopping.set()

    async def _share_out(self) -> None:
        await asyncio.gather(*(self._keep(name) for name in list(self._held)))
        names = [one.name for one in self._book.directory.all]
        free = await self._feeds.unheld([name for name in names if name not in self._held])
        ready = [name for name in free if await self._is_ready(name)]
        listened_to = len(names) - len(free) + len(ready)
        share = math.ceil(listened_to / await self._feeds.workers())
        for name in list(self._held)[share : share + _MOST_GIVEN]:
            await self._give_back(name)
        random.shuffle(ready)
        for name in ready[: max(0, min(_MOST_TAKEN, share - len(self._held)))]:
            await self._take(name)

    async def _is_ready(self, name: str) -> bool:
        """Whether RingCentral can be asked without a login."""
        try:
            return not await self._fleet.named(name).needs_login()
        except StorageUnavailable:
            raise
        except RingOutError:
            return False

    async def _keep(self, name: str) -> None:
        """Renews the right to listen; gives up what is another's, or changed."""
        held = self._held[name]
        is_same = self._book.named(name) == held.credential and not held.task.done()
        if is_same and await self._feeds.hold(name, self._owner):
            await held.ear.voice.again()
        else:
            await self._give_back(name)

    async def _take(self, name: str) -> None:
        credential = self._book.named(name)
        if credential is not None and await self._feeds.hold(name, self._owner):
            ear = self._ear_for(credential, self._owner)
            self._held[name] = _Held(credential, ear, asyncio.create_task(ear.run()))

    async def _give_back(self, name: str) -> None:
        held = self._held.pop(name)
        if held.task.done() and not held.task.cancelled():
            log.error("listening_broke", credential=name, exc_info=held.task.exception())
        await _ended(held.task)
        with suppress(StorageUnavailable):
            if not held.ear.goes_on:
                await held.ear.voice.says(FeedState.LOST, "given_back")
            await self._feeds.release(name, self._owner)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
