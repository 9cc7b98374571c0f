"""The ring-out routes: place a call, read it, cancel it."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from orchestrator.domain.access import Principal
from orchestrator.domain.errors import (
    CallWithdrawn,
    StorageUnavailable,
    UpstreamFailed,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.words import State
from orchestrator.rest import headers as asked
from orchestrator.rest.answers import STORED, call_answer, json_answer, tag, tag_of
from orchestrator.rest.asker import asker_of
from orchestrator.rest.bodies import json_body
from orchestrator.rest.problems import SAFE, problem_of
from orchestrator.rest.rate_limits import rate_limits
from orchestrator.rest.spellings import Spelling
from orchestrator.rest.waits import LEFT, Waits
from orchestrator.service.accepting import OUR_PREFIX, Accepted
from orchestrator.service.calls import CallService, Glance
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from orchestrator.storage.records import Snapshot

_UNANSWERED = (State.QUEUED, State.PLACING, State.UNCONFIRMED)
_HIT = "ringout; hit"
_UNDER_WAY = {"Retry-After": "1"}


@dataclass(frozen=True, slots=True)
class CallRoutes:
    """The handlers of one spelling."""

    spelling: Spelling
    service: CallService
    waits: Waits

    async def create(self, request: web.Request) -> web.Response:
        """202 with the call as written down; with `Prefer: wait`, RingCentral's answer; 200 with
        what would happen where that is all that is asked."""
        account, extension = self.spelling.owner(request)
        preferences = asked.preferences(request.headers)
        key = asked.idempotency_key(request.headers)
        wish = Wish(parsed(await json_body(request)), account, extension, key)
        accepted = await self.service.accept(asker_of(request), wish)
        if accepted.is_dry:
            return json_answer(accepted.snapshot.document, rate_limits(accepted.figures))
        call = accepted.snapshot
        # A second click's call may be under another extension than was asked for.
        where = self.spelling.location(call.account_id, call.extension_id, call.id)
        told = {"Location": where}
        told |= {**_replayed(accepted), **rate_limits(accepted.figures)}
        if preferences.applied:
            told["Preference-Applied"] = preferences.applied
        if preferences.wait is not None:
            return await self._answered(request, call, preferences.wait, told)
        return call_answer(202, call, {**told, **_UNDER_WAY})

    async def read(self, request: web.Request) -> web.Response:
        """200 with the call, from the cache where it is known there; 304 where it is the same."""
        account, extension, ringout_id = self.spelling.ids(request)
        known = asked.none_match(request.headers)
        wait = asked.preferences(request.headers).wait
        oldest = asked.oldest(request.headers)
        asker = asker_of(request)
        glance = await self.service.read(asker, account, extension, ringout_id)
        status = "ringout; fwd=miss" if glance.live else _HIT
        if oldest is not None and not glance.live and self._is_too_old(glance, oldest):
            glance, status = await self._fresh(asker, glance, account, extension)
        call = glance.snapshot
        told = {"Cache-Control": STORED, "Cache-Status": status}
        if known is not None and wait is not None and call.id.startswith(OUR_PREFIX):
            call = await self._differing(request, call, known, wait)
            told["Preference-Applied"] = f"wait={wait}"
        if not glance.live:
            told["Age"] = str(self._age(call))
        if known is not None and _is_known(call, known):
            return web.Response(status=304, headers={**SAFE, **told, **tag_of(call)})
        return call_answer(200, call, told)

    async def delete(self, request: web.Request) -> web.Response:
        """202 with the call whose cancel is written down; 204 where it was over already."""
        account, extension, ringout_id = self.spelling.ids(request)
        wait = asked.preferences(request.headers).wait
        cancelled = await self.service.cancel(asker_of(request), account, extension, ringout_id)
        if cancelled.was_over:
            return web.Response(status=204, headers=SAFE)
        call = cancelled.snapshot
        if wait is None:
            return call_answer(202, call, _UNDER_WAY)
        waiting = self.service.cancel_settled(call, wait)
        held = await self.waits.held(waiting, wait, request[LEFT])
        call = held or await self._present(call)
        told = {"Preference-Applied": f"wait={wait}"}
        if _is_settled(call):
            return call_answer(200, call, told)
        return call_answer(202, call, {**told, **_UNDER_WAY})

    def _is_too_old(self, glance: Glance, oldest: int) -> bool:
        return oldest == 0 or self._age(glance.snapshot) > oldest

    def _age(self, call: Snapshot) -> int:
        return max(0, self.service.clock() - (call.observed_at or call.accepted_at)) // 1000

    async def _fresh(
        self, asker: Principal, cached: Glance, account: str, extension: str
    ) -> tuple[Glance, str]:
        """The call as RingCentral tells it now; as it is known here where RingCentral is away."""
        call_id = cached.snapshot.id
        try:
            glance = await self.service.read(asker, account, extension, call_id, fresh=True)
        except UpstreamUnavailable as error:
            return cached, f"{_HIT}; detail={error.code}"
        except UpstreamFailed as error:
            return cached, f"ringout; fwd=request; detail={error.code}"
        return glance, "ringout; fwd=request" if glance.live else _HIT

    async def _answered(
        self, request: web.Request, call: Snapshot, seconds: int, told: Mapping[str, str]
    ) -> web.Response:
        try:
            waiting = self.service.answered(call, seconds)
            held = await self.waits.held(waiting, seconds, request[LEFT])
            call = held or await self._present(call)
        except (UpstreamRefused, CallWithdrawn) as error:
            response = problem_of(error, {"instance": told["Location"]})
            response.headers.update(told)
            return response
        if call.state in _UNANSWERED:
            return call_answer(202, call, {**told, **_UNDER_WAY})
        return call_answer(200, call, told)

    async def _present(self, call: Snapshot) -> Snapshot:
        """The call as it is now, or as it was known last where Redis is away."""
        try:
            return await self.service.latest(call)
        except StorageUnavailable:
            return call

    async def _differing(
        self, request: web.Request, call: Snapshot, known: frozenset[str], seconds: int
    ) -> Snapshot:
        async def differs() -> Snapshot:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + seconds
            now = call
            while _is_known(now, known) and (left := deadline - loop.time()) > 0:
                now = await self.service.changed(now, left)
            return now

        held = await self.waits.held(differs(), seconds, request[LEFT])
        return held or await self._present(call)


def _replayed(accepted: Accepted) -> dict[str, str]:
    told = {"Idempotency-Replayed": "true"} if accepted.replayed else {}
    return {**told, "Ringout-Double-Click": "true"} if accepted.is_double_click else told


def _is_known(call: Snapshot, known: frozenset[str]) -> bool:
    return "*" in known or tag(call) in known


def _is_settled(call: Snapshot) -> bool:
    if call.state is State.ENDED:
        return True
    cancel = json.loads(call.document)["cancel"]
    return cancel is not None and cancel["outcome"] is not None
