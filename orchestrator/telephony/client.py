"""RingCentral's ring-out operations, over aiohttp, within the budget that all processes share.

Nothing here tries anything twice, but for one replay with a fresh token after a 401: RingCentral's
gateway answers 401 before it looks at the request, so that nothing can be ringing.
"""

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from types import TracebackType
from typing import Self, Unpack

import structlog

from orchestrator.domain.errors import (
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGated,
    UpstreamUnavailable,
)
from orchestrator.domain.evidence import CallRecord
from orchestrator.domain.status import Reading
from orchestrator.telephony import answers, records, wire
from orchestrator.telephony.auth import Tokens
from orchestrator.telephony.link import Link, LinkOptions
from orchestrator.telephony.ports import Budget
from orchestrator.telephony.transport import TRY_AGAIN_AFTER, Transport

MOST_PAGES = 4
"""A thousand rows; each further page would cost one more of ten heavy requests a minute."""

log = structlog.get_logger(__name__)


class RingCentral:
    """One credential's way to RingCentral: `async with RingCentral(...) as ringcentral`.

    Leaving it closes the connections and `tokens`. Errors are the domain's: UpstreamUnavailable
    (nothing was sent), UpstreamGated, UpstreamRefused, UpstreamGone, UpstreamFailed (it is not
    known what RingCentral did), and StorageUnavailable from budget and token store.
    """

    def __init__(
        self,
        *,
        server_url: str,
        tokens: Tokens,
        budget: Budget,
        gate_on_spent: bool = True,
        **options: Unpack[LinkOptions],
    ) -> None:
        link = Link(**options)
        self._transport = Transport(server_url, link)
        self._tokens, self._budget, self._credential = tokens, budget, link.credential
        self._gate_on_spent, self._clock = gate_on_spent, link.clock
        self._is_doubtful = False
        self._probing = asyncio.Lock()
        self._light: tuple[answers.Limit, int] | None = None

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tokens.close()
        await self._transport.__aexit__(kind, error, trace)

    async def ready(self) -> None:
        """Returns once a request would reach RingCentral and be authorised.

        Costs nothing while a token and an unused open connection are in hand and the last answer
        was a sound one. Raises UpstreamUnavailable, UpstreamGated, or UpstreamRefused.
        """
        await self._tokens.token()
        if self._is_within_reach:
            return
        async with self._probing:
            if not self._is_within_reach:
                await self._probe()

    @property
    def _is_within_reach(self) -> bool:
        return self._transport.has_idle_connection and not self._is_doubtful

    async def _probe(self) -> None:
        try:
            answer = await self._send(wire.probe_request(), None)
        except UpstreamFailed as failure:
            raise UpstreamUnavailable(failure.detail, TRY_AGAIN_AFTER) from failure
        if (wait := answers.throttled(answer)) is not None:
            raise UpstreamGated("RingCentral's rate limit is spent.", wait.seconds)
        if answer.status >= 500:
            raise UpstreamUnavailable(f"RingCentral answers {answer.status}.", TRY_AGAIN_AFTER)

    async def make(
        self, account: str, extension: str, body: Mapping[str, object]
    ) -> answers.Placed:
        """Asks for a ring-out, at most once; `body` is RingCentral's `MakeRingOutRequest`.

        The budget is not asked: whoever writes the fence checks the gate in the same step. After
        UpstreamUnavailable and UpstreamGated nothing rings, after UpstreamFailed something may.
        """
        request = wire.make_request(account, extension, body)
        try:
            return answers.placed(await self._ask(request))
        except StorageUnavailable as unavailable:
            # Only a token can have been missing: no request was accepted.
            raise UpstreamUnavailable(unavailable.detail, unavailable.retry_after) from unavailable

    async def status(self, account: str, extension: str, ringout_id: str) -> Reading:
        """One observation; raises UpstreamGone where RingCentral does not know the ring-out."""
        request = wire.status_request(account, extension, ringout_id)
        return answers.reading_of(await self._ask_within_budget(request))

    async def cancel(self, account: str, extension: str, ringout_id: str) -> None:
        """Asks for the ring-out to be torn down; returning means accepted, not stopped."""
        request = wire.cancel_request(account, extension, ringout_id)
        answers.accepted_cancel(await self._ask_within_budget(request))

    async def active_calls(self, account: str, extension: str) -> list[CallRecord]:
        """Calls that go on or have just ended; they appear 3 to 10 s late."""
        return await self._pages(
            lambda page: records.active_calls_request(account, extension, page)
        )

    async def call_log(
        self, account: str, extension: str, since_ms: int, until_ms: int
    ) -> list[CallRecord]:
        """Calls that began in between and have ended; they appear 15 to 30 s after their end."""
        return await self._pages(
            lambda page: records.call_log_request(account, extension, since_ms, until_ms, page)
        )

    def share_left(self) -> float:
        """How much of the light group's minute is left, 0 to 1, when last seen; 1 if unknown."""
        if self._light is None:
            return 1.0
        limit, seen_at = self._light
        if self._clock() - seen_at > 1000 * limit.window:
            return 1.0
        return max(0.0, min(1.0, limit.remaining / limit.limit))

    async def _pages(self, request: Callable[[int], wire.Request]) -> list[CallRecord]:
        found: list[CallRecord] = []
        for number in range(1, MOST_PAGES + 1):
            page = records.page_of(await self._ask_within_budget(request(number)))
            found += page.records
            if not page.has_next:
                return found
        log.warning("ringcentral_list_cut", operation=request(1).operation, rows=len(found))
        return found

    async def _ask_within_budget(self, request: wire.Request) -> wire.Answer:
        await self._budget.admit(self._credential, request.group)
        return await self._ask(request)

    async def _ask(self, request: wire.Request) -> wire.Answer:
        token = await self._tokens.token()
        answer = await self._send(request, token)
        if answer.status != 401:
            return answer
        await self._tokens.rejected(token)
        fresh = await self._tokens.token()
        return answer if fresh == token else await self._send(request, fresh)

    async def _send(self, request: wire.Request, token: str | None) -> wire.Answer:
        began = monotonic()
        told = log.bind(operation=request.operation, credential=self._credential)
        try:
            answer = await self._transport.send(request, token)
        except RingOutError as error:
            self._is_doubtful = True
            told.warning("ringcentral_not_answered", code=error.code, detail=error.detail)
            raise
        self._is_doubtful = answer.status >= 500
        told = told.bind(
            status=answer.status,
            rc_request_id=answer.request_id,
            milliseconds=round(1000 * (monotonic() - began)),
        )
        if answer.status < 400:
            told.info("ringcentral_answered")
        else:
            told.warning("ringcentral_declined", error_code=answers.problem_of(answer)[0])
        await self._heed(request.group, answer)
        return answer

    async def _heed(self, group: str, answer: wire.Answer) -> None:
        limit = None if group == wire.UNTHROTTLED else answers.limit_of(answer)
        if limit is not None and group == wire.LIGHT:
            self._light = (limit, self._clock())
        try:
            if limit is not None:
                await self._budget.learned(
                    self._credential, group, limit.limit, limit.remaining, limit.window
                )
            await self._close_gates(group, answer, limit)
        except StorageUnavailable as unavailable:
            # The answer may hold the id of a call that rings: it must not be lost.
            log.warning("ringcentral_limit_not_shared", group=group, detail=unavailable.detail)

    async def _close_gates(
        self, group: str, answer: wire.Answer, limit: answers.Limit | None
    ) -> None:
        wait = answers.throttled(answer)
        if wait is not None:
            for_all = wait.everything or group == wire.UNTHROTTLED
            for one in wire.GROUPS if for_all else (group,):
                await self._budget.close_gate(self._credential, one, wait.seconds)
        elif limit is not None and limit.remaining == 0 and self._gate_on_spent:
            await self._budget.close_gate(self._credential, group, limit.window)
