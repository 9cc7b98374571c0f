"""The checks of a process that starts: in the background, logged where something is not right.

Nothing waits for them and nothing depends on them. Redis is looked at by each process; credentials
by one worker of a fleet, one after the other: no more than twenty a minute, and where they need a
login, no more than half of those that their app may make.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from uuid import uuid4

import structlog

from orchestrator.domain.clock import Clock
from orchestrator.domain.credentials import Credential
from orchestrator.domain.errors import StorageUnavailable
from orchestrator.domain.findings import Finding
from orchestrator.service.checkup import clocks
from orchestrator.service.checkup.credential import Examined
from orchestrator.service.checkup.server import server
from orchestrator.service.checkup.survey import Survey, spare_logins
from orchestrator.storage.condition import PreflightTurn
from orchestrator.storage.connection import Commands
from orchestrator.storage.credentials import CredentialBook, CredentialStore
from orchestrator.telephony.fleet import Fleet

PAUSE_S = 3.0
"""Between two credentials: twenty a minute."""

_TRIES = 3
_LEASE_MS = 300_000
_AFTERWARDS_MS = 30_000
"""Workers are started together: the last of them need not check again."""

_LONGEST_PAUSE_S = 60.0

log = structlog.get_logger(__name__)

Counts = Callable[[dict[tuple[str, str], int]], None]
"""Is told how many findings there are, by what they are about and their verdict."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The credentials there are and the ways to ask with them."""

    fleet: Fleet
    book: CredentialBook
    store: CredentialStore
    logins_a_minute: int


class Preflight:
    """Checks once; `ways` None: Redis alone."""

    def __init__(
        self, commands: Commands, clock: Clock, counts: Counts, ways: Ways | None = None
    ) -> None:
        self._commands, self._clock = commands, clock
        self._counts, self._ways = counts, ways
        self._turn, self._owner = PreflightTurn(commands), uuid4().hex
        self._found: Counter[tuple[str, str]] = Counter()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Checks in the background until done, or until the end of the block."""
        task = asyncio.create_task(self._run())
        task.add_done_callback(_ended)
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])

    async def _run(self) -> None:
        self._tell(await server(self._commands, self._clock))
        if self._ways is not None:
            with suppress(StorageUnavailable):
                await self._credentials(self._ways)
        log.info("preflight_done", findings=self._found.total())

    async def _credentials(self, ways: Ways) -> None:
        await ways.book.refresh()
        pause, skew = 0.0, None
        for one in ways.book.directory.all:
            await asyncio.sleep(pause)
            if not await self._turn.taken(self._owner, _LEASE_MS):
                return
            found = await self._examined(ways, one)
            self._tell(found.findings, one)
            if skew is None and (skew := found.skew_ms) is not None:
                self._tell([clocks.agreement("clock", skew, "RingCentral's")])
            pause = PAUSE_S
            if found.logged_in:
                pause = max(PAUSE_S, 60 / spare_logins(ways.logins_a_minute))
        await self._turn.taken(self._owner, _AFTERWARDS_MS)

    async def _examined(self, ways: Ways, credential: Credential) -> Examined:
        found = Examined()
        for _ in range(_TRIES):
            parked = await ways.store.parked()
            survey = Survey(ways.fleet, self._clock, parked, logins=1)
            found = await survey.of(credential)
            if found.retry_after is None:
                break
            await asyncio.sleep(min(found.retry_after, _LONGEST_PAUSE_S))
        return found

    def _tell(self, findings: Sequence[Finding], credential: Credential | None = None) -> None:
        for finding in findings:
            self._found[finding.about, finding.verdict] += 1
            if finding.verdict == "ok":
                continue
            whose = {} if credential is None else {"credential": credential.name}
            log.warning(
                "preflight",
                check=finding.about,
                verdict=finding.verdict,
                what=finding.what,
                advice=finding.advice,
                **whose,
            )
        self._counts(dict(self._found))


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("preflight_broke", exc_info=error)
