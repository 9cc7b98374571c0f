"""RingCentral's ring-out operations, over aiohttp, within the budget that all processes share.

Nothing here tries anything twice, but for one replay of a read or a cancel with a fresh token after
a 401. A 401 to what places a call is handed back to whoever asked, since the login takes time, in
which the call may have been paused, cancelled or suppressed: RingCentral's gateway answers it
before it looks at the request, so that nothing can be ringing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic
from types import TracebackType
from typing import Self, Unpack

import structlog

from orchestrator.domain.budget import Heard, Limit, Payer, Payment, Penalty, Scope
from orchestrator.domain.errors import (
    RingOutError,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamGated,
    UpstreamUnavailable,
)
from orchestrator.domain.evidence import CallRecord, Sighting
from orchestrator.domain.sessions import Session
from orchestrator.domain.status import Reading
from orchestrator.telephony import answers, presence, records, sessions, wire
from orchestrator.telephony.auth import Tokens
from orchestrator.telephony.link import Link, LinkOptions
from orchestrator.telephony.ports import Budget
from orchestrator.telephony.transport import TRY_AGAIN_AFTER, Transport

MOST_PAGES = 4
"""A thousand rows; each further page would cost one more of ten heavy requests a minute."""

log = structlog.get_logger(__name__)


class RingCentral:
    """One credential's way to RingCentral: `async with RingCentral(...) as ringcentral`.

    Leaving it closes `tokens`, and the connections unless they were given as `transport`. Errors
    are the domain's: UpstreamUnavailable (nothing was sent), UpstreamGated, UpstreamRefused,
    UpstreamGone, UpstreamFailed (it is not known what RingCentral did), and StorageUnavailable
    from budget and token store.
    """

    def __init__(
        self,
        *,
        server_url: str,
        tokens: Tokens,
        budget: Budget,
        account: str = "~",
        transport: Transport | None = None,
        **options: Unpack[LinkOptions],
    ) -> None:
        link = Link(**options)
        self._is_transport_own = transport is None
        self._transport = transport or Transport(server_url, link)
        self._tokens, self._budget, self._credential = tokens, budget, link.credential
        self.payer = Payer(link.credential, account)
        self._clock = link.clock
        self._is_doubtful = False
        self._probing = asyncio.Lock()
        self._light: tuple[Limit, int] | None = None

    async def __aenter__(self) -> Self:
        if self._is_transport_own:
            await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._tokens.close()
        if self._is_transport_own:
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
        await self._budget.passable(self.payer)
        try:
            answer = await self._send(wire.probe_request(), None)
            await self._heed_probe(answer)
        except UpstreamFailed as failure:
            raise UpstreamUnavailable(failure.detail, TRY_AGAIN_AFTER) from failure
        if (wait := answers.throttled(answer)) is not None:
            raise UpstreamGated("RingCentral's rate limit is spent.", wait.seconds)
        if answer.status >= 500:
            raise UpstreamUnavailable(f"RingCentral answers {answer.status}.", TRY_AGAIN_AFTER)

    async def make(
        self, account: str, extension: str, body: Mapping[str, object], payment: Payment
    ) -> answers.Placed:
        """Asks for a ring-out, at most once; `body` is RingCentral's `MakeRingOutRequest`.

        It was paid for by whoever wrote the fence, and leaves at once, with the token that `ready`
        has found, or not at all. After UpstreamUnavailable and UpstreamGated nothing rings, after
        UpstreamFailed something may.
        """
        request = wire.make_request(account, extension, body)
        token = self._tokens.in_hand()
        if not token:
            await self._kept_going(self._budget.refund(payment))
            raise UpstreamUnavailable("There is no access token at hand.", 0)
        answer = await self._send(request, token, payment)
        if answer.status == 401 and await self._tokens.rejected(token):
            raise UpstreamUnavailable("RingCentral wants another access token.", 0)
        if answer.status < 400:
            self._tokens.accepted()
        return answers.placed(answer)

    async def status(
        self,
        account: str,
        extension: str,
        ringout_id: str,
        *,
        care: bool = False,
        pace: float = 0,
    ) -> Reading:
        """One observation; raises UpstreamGone where RingCentral does not know the ring-out.

        `care` says that the reserve may be spent on it, `pace` how much of the limit at a time.
        """
        request = wire.status_request(account, extension, ringout_id)
        return answers.reading_of(await self._ask_within_budget(request, care=care, pace=pace))

    async def cancel(self, account: str, extension: str, ringout_id: str) -> None:
        """Asks for the ring-out to be torn down; returning means accepted, not stopped."""
        request = wire.cancel_request(account, extension, ringout_id)
        answers.accepted_cancel(await self._ask_within_budget(request))

    async def presence(
        self, account: str, extension: str, *, care: bool = False, pace: float = 0
    ) -> list[Sighting]:
        """The extension's live calls, at nearly the moment; one light request for all of them."""
        request = presence.presence_request(account, extension)
        return presence.sightings_of(await self._ask_within_budget(request, care=care, pace=pace))

    async def session(self, account: str, session_id: str) -> Session:
        """A telephony session; UpstreamGone where it is not known, UpstreamRefused (403) where the
        app has no CallControl permission."""
        request = sessions.session_request(account, session_id)
        return sessions.session_of(await self._ask_within_budget(request))

    async def end_session(self, account: str, session_id: str) -> None:
        """Asks for a session to be ended, whatever its legs do; returning means accepted. Raises
        as `session` does."""
        request = sessions.end_request(account, session_id)
        sessions.accepted_end(await self._ask_within_budget(request))

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

    async def look_up(self, request: wire.Request) -> wire.Answer:
        """The answer to a read that nobody waits for, whatever its status; it is paid for, never
        from the reserve."""
        return await self._ask_within_budget(request, care=False)

    async def through(
        self, request: wire.Request, send: Callable[[wire.Request], Awaitable[wire.Answer]]
    ) -> wire.Answer:
        """The answer to a request that `send` takes another way, inside a WebSocket; it is paid
        for like `look_up`'s. `send` raises UpstreamFailed where there is no answer."""
        payment = await self._budget.spend(self.payer, request.group)
        try:
            answer = await send(request)
        except RingOutError as error:
            await self._settle_unanswered(payment, error)
            raise
        await self._heed(payment, answer)
        return answer

    async def scope(self) -> frozenset[str] | None:
        """What this credential's token permits; None where RingCentral has not said it."""
        return await self._tokens.scope()

    async def needs_login(self) -> bool:
        """Whether a request now would begin with a login."""
        return await self._tokens.needs_login()

    def looks_a_minute(self) -> float | None:
        """How many light requests a minute there may be, as RingCentral said last; None where it
        has named no limit."""
        return None if self._light is None else 60 * self._light[0].limit / self._light[0].window

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

    async def _ask_within_budget(
        self, request: wire.Request, *, care: bool = True, pace: float = 0
    ) -> wire.Answer:
        token = await self._tokens.token()
        payment = await self._budget.spend(self.payer, request.group, care=care, pace=pace)
        answer = await self._send(request, token, payment)
        if answer.status != 401:
            return answer
        await self._tokens.rejected(token)
        fresh = await self._tokens.token()
        if fresh == token:
            return answer
        again = await self._budget.spend(self.payer, request.group, care=True)
        return await self._send(request, fresh, again)

    async def _send(
        self, request: wire.Request, token: str | None, payment: Payment | None = None
    ) -> wire.Answer:
        began = monotonic()
        told = log.bind(operation=request.operation, credential=self._credential)
        try:
            answer = await self._transport.send(request, token)
        except RingOutError as error:
            self._is_doubtful = True
            told.warning("ringcentral_not_answered", code=error.code, detail=error.detail)
            if payment is not None:
                await self._settle_unanswered(payment, error)
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
        if payment is not None:
            await self._heed(payment, answer)
        return answer

    async def _settle_unanswered(self, payment: Payment, error: RingOutError) -> None:
        if isinstance(error, UpstreamUnavailable):
            await self._kept_going(self._budget.refund(payment))
        else:
            await self._kept_going(self._budget.settle(payment, Heard(answered=False)))

    async def _heed(self, payment: Payment, answer: wire.Answer) -> None:
        limit = answers.limit_of(answer)
        if limit is not None and payment.group == wire.LIGHT:
            self._light = (limit, self._clock())
        penalty = answers.throttled(answer)
        # A refusal, or a gateway's own answer, says nothing of limits by not naming one.
        heard = Heard(bool(answer.status < 400 or limit or penalty), limit, penalty)
        # The answer may hold the id of a call that rings: it must not be lost.
        await self._kept_going(self._budget.settle(payment, heard))

    async def _heed_probe(self, answer: wire.Answer) -> None:
        """A request that no group counts was refused: a limiter above the groups speaks."""
        if (penalty := answers.throttled(answer)) is not None:
            scope = Scope.ACCOUNT if penalty.scope is Scope.BUCKET else penalty.scope
            payment = Payment(self.payer, wire.LIGHT, "probe")
            heard = Heard(penalty=Penalty(penalty.seconds, scope))
            await self._kept_going(self._budget.settle(payment, heard))

    async def _kept_going(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except StorageUnavailable as unavailable:
            log.warning("ringcentral_limit_not_shared", detail=unavailable.detail)
