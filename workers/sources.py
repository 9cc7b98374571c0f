"""Asking RingCentral's sources for one call, cheapest first, and keeping what each of them says.

A telephony session and presence are light requests, active calls and the call log heavy ones, of
which there are ten a minute for everything: so what lists many calls is shared among all that are
looked for at the same time.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from orchestrator.domain.cadence import LOG_SHARED, PRESENCE_SHARED
from orchestrator.domain.calls import Call
from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGone,
    UpstreamRefused,
)
from orchestrator.domain.evidence import IN_PROGRESS, CallRecord, Sought, ends
from orchestrator.domain.sessions import Session
from orchestrator.domain.status import Reading
from orchestrator.domain.verdicts import PRESENCE_SHOWS_AT_MOST, Source, Statement, Told
from orchestrator.storage.records import Record
from workers.context import Work
from workers.twins import Match, matched

log = structlog.get_logger(__name__)

_LOG_BEGINS_MS = 600_000
"""The call log is asked for from a whole multiple of this on, so that calls share an answer."""

_CLOCKS_MS = 60_000
_LOG_SHOWS_AT_MOST = 1_000
CUT = "list_cut"

_T = TypeVar("_T")


async def sought_of(work: Work, call: Call) -> Sought:
    """What is known of a call that is looked for."""
    request = await work.store.request(call.id) or {}
    callee = (request.get("to") or {}).get("phoneNumber", "")
    return Sought(ends(request), call.asked_at or call.accepted_at, call.session_id, callee)


def _row(session_id: str, result: str) -> CallRecord:
    return CallRecord(session_id, 0, frozenset(), is_ringout=True, result=result)


@dataclass(slots=True)
class Inquiry:
    """One round of questions about one call; `heard` is all that was said of it, `fault` why a
    question could not be answered now that may be later."""

    work: Work
    record: Record
    sought: Sought
    heard: list[Statement]
    fault: RingOutError | None = None
    _asked_at: int = field(default=0, init=False)

    @classmethod
    async def about(cls, work: Work, record: Record) -> "Inquiry":
        """A round that knows what was said before."""
        await work.meet(record.call)
        heard = await work.evidence.of(record.call.id)
        return cls(work, record, await sought_of(work, record.call), heard)

    @property
    def call(self) -> Call:
        """The call that is looked for."""
        return self.record.call

    @property
    def since(self) -> int:
        """Milliseconds since RingCentral was asked for the call."""
        return self.work.clock() - self.sought.asked_at

    def may_ask(self, source: Source) -> bool:
        """Whether the credential is allowed to, as far as is known."""
        return self.work.permissions.allow(self.call.credential, source, self.work.clock())

    async def session(self, session_id: str) -> Session | None:
        """The telephony session of this id; None where it cannot be read. What it says is kept."""
        if not self.may_ask(Source.SESSION):
            return None
        upstream = self.work.upstream(self.call)
        found = await self._asked(
            Source.SESSION, lambda: upstream.session(self.call.account_id, session_id), session_id
        )
        if found is not None:
            is_ours = self.is_of_the_call(found)
            result = "over" if found.is_over else IN_PROGRESS
            match = Match(_row(session_id, result), 1, 0) if is_ours else Match(None, 0, 0)
            await self.note(Source.SESSION, match, session_id)
        return found

    async def ring_out(self, session_id: str) -> Reading | None:
        """The status of the ring-out whose id is this session's as well; None where RingCentral
        knows none, or does not answer. What it says is kept, and a no is not asked for again."""
        if self.was_denied(Source.RING_OUT, session_id):
            return None
        call, upstream = self.call, self.work.upstream(self.call)
        reading = await self._asked(
            Source.RING_OUT,
            lambda: upstream.status(call.account_id, call.extension_id, session_id, care=True),
            session_id,
        )
        if reading is not None:
            match = Match(_row(session_id, IN_PROGRESS), 1, 0)
            await self.note(Source.RING_OUT, match, session_id)
        return reading

    def is_of_the_call(self, session: Session) -> bool:
        """Whether a session is a ring-out of the call's phones."""
        return session.is_ringout and self.sought.numbers <= session.numbers

    def was_denied(self, source: Source, session_id: str) -> bool:
        """Whether a source said last that this session is not the call."""
        said = [one for one in self.heard if (one.source, one.session_id) == (source, session_id)]
        return bool(said) and said[-1].found == 0

    async def presence(self) -> list[CallRecord] | None:
        """The extension's live calls; None where there is no answer."""
        work, call = self.work, self.call
        upstream = work.upstream(call)
        seen = await self._asked(
            Source.PRESENCE,
            lambda: work.glances.presence(
                call.account_id,
                call.extension_id,
                lambda: upstream.presence(call.account_id, call.extension_id, care=True),
                round(PRESENCE_SHARED * work.factor),
            ),
        )
        return None if seen is None else [one.as_record() for one in seen]

    async def active_calls(self) -> list[CallRecord] | None:
        """The extension's calls that go on or have just ended; None where there is no answer."""
        upstream = self.work.upstream(self.call)
        account, extension = self.call.account_id, self.call.extension_id
        return await self._listed(
            Source.ACTIVE_CALLS, PRESENCE_SHARED, lambda: upstream.active_calls(account, extension)
        )

    async def call_log(self) -> list[CallRecord] | None:
        """The extension's calls that have ended since the request; None where there is no
        answer."""
        upstream = self.work.upstream(self.call)
        account, extension = self.call.account_id, self.call.extension_id
        began = self.sought.asked_at - _CLOCKS_MS
        since = began - began % _LOG_BEGINS_MS
        return await self._listed(
            Source.CALL_LOG,
            LOG_SHARED,
            lambda: upstream.call_log(account, extension, since, self.work.clock()),
            since,
        )

    async def _listed(
        self,
        source: Source,
        shared_for: int,
        read: Callable[[], Awaitable[list[CallRecord]]],
        name: int = 0,
    ) -> list[CallRecord] | None:
        work, call = self.work, self.call
        return await self._asked(
            source,
            lambda: work.glances.records(
                call.account_id,
                call.extension_id,
                f"{source}/{name}",
                read,
                round(shared_for * work.factor),
            ),
        )

    async def match(self, source: Source, rows: list[CallRecord]) -> Match:
        """Which of a source's rows is the call; what the source said is kept."""
        found = await matched(self.work, self.call, self.sought, rows)
        most = PRESENCE_SHOWS_AT_MOST if source is Source.PRESENCE else _LOG_SHOWS_AT_MOST
        if not found.found and len(rows) >= most:
            await self.note_fault(source, CUT)
        else:
            await self.note(source, found, found.one.session_id if found.one else "")
        return found

    async def note(self, source: Source, match: Match, session_id: str = "") -> None:
        """Keeps what a source said."""
        told = Told.AMBIGUOUS if match.found or match.doubtful else Told.NOTHING
        if match.one is not None:
            told = Told.PLACED if match.one.is_live else Told.OVER
        await self._keep(
            Statement(
                at=self._asked_at,
                source=source,
                since=self._asked_at - self.sought.asked_at,
                found=match.found,
                doubtful=match.doubtful,
                session_id=session_id,
                told=told,
            )
        )

    async def note_fault(self, source: Source, fault: str, session_id: str = "") -> None:
        """Keeps that a source did not answer."""
        at = self._asked_at
        since = at - self.sought.asked_at
        await self._keep(Statement(at, source, since, fault=fault, session_id=session_id))

    async def _keep(self, statement: Statement) -> None:
        await self.work.evidence.note(self.call.id, statement)
        self.heard.append(statement)

    async def _asked(
        self, source: Source, read: Callable[[], Awaitable[_T]], session_id: str = ""
    ) -> _T | None:
        self._asked_at = self.work.clock()
        try:
            return await read()
        except StorageUnavailable:
            raise
        except UpstreamGone:
            await self.note(source, Match(None, 0, 0), session_id)
        except UpstreamRefused as refusal:
            log.info("source_refused", source=source, call=self.call.id, code=refusal.error_code)
            if refusal.http_status == 403:
                now = self.work.clock()
                self.work.permissions.refused(self.call.credential, source, now)
            await self.note_fault(source, refusal.error_code, session_id)
        except (Retryable, UpstreamFailed) as error:
            log.info("source_not_asked", source=source, call=self.call.id, code=error.code)
            self.fault = error
            await self.note_fault(source, error.code, session_id)
        return None
