"""Logins that RingCentral refuses or does not answer, and the pause that all processes keep."""

import asyncio

import pytest

from orchestrator.domain.budget import Penalty, Scope
from orchestrator.domain.errors import UpstreamGated, UpstreamRefused, UpstreamUnavailable
from tests.integration.telephony.apps import LIFE, app
from tests.integration.telephony.world import Reply, always, nobody, reply

BAD_CLIENT = reply(
    401, {"error": "invalid_client", "errors": [{"errorCode": "OAU-153", "message": "Invalid"}]}
)


# Refused


async def test_bad_credentials_cost_one_login_in_five_minutes() -> None:
    async with app(always(BAD_CLIENT)) as shared:
        for process in (shared.process(), shared.process()):
            for _ in range(3):
                with pytest.raises(UpstreamRefused) as refusal:
                    await process.token()
                assert (refusal.value.http_status, refusal.value.error_code) == (401, "OAU-153")
        assert shared.logins == 1
        shared.clock.forward(299.999)
        with pytest.raises(UpstreamRefused):
            await process.token()
        assert shared.logins == 1
        shared.clock.forward(0.001)
        with pytest.raises(UpstreamRefused):
            await process.token()
        assert shared.logins == 2


async def test_a_credential_that_is_refused_is_shown_until_it_is_accepted() -> None:
    replies = [BAD_CLIENT, reply(200, {"access_token": "token-1", "expires_in": LIFE})]
    async with app(lambda _request: replies.pop(0)) as shared:
        with pytest.raises(UpstreamRefused):
            await shared.process().token()
        assert shared.store.parked == {"default": "OAU-153"}
        shared.clock.forward(300)
        assert await shared.process().token() == "token-1"
        assert shared.store.parked == {}


async def test_credentials_that_were_corrected_are_tried_at_once() -> None:
    replies = [BAD_CLIENT, reply(200, {"access_token": "token-1", "expires_in": LIFE})]
    async with app(lambda _request: replies.pop(0)) as shared:
        with pytest.raises(UpstreamRefused):
            await shared.process("wrong").token()
        assert await shared.process("right").token() == "token-1"


# Limited


async def test_a_429_is_obeyed_by_all_processes() -> None:
    too_many = reply(429, {"errorCode": "CMN-301"}, Retry_After="45")
    async with app(always(too_many)) as shared:
        for process in (shared.process(), shared.process()):
            with pytest.raises(UpstreamGated) as gated:
                await process.token()
            assert gated.value.retry_after == 45
        assert shared.budget.closed == {"auth": Penalty(45, Scope.ACCOUNT)}
        assert shared.logins == 1
        shared.clock.forward(45)
        with pytest.raises(UpstreamGated):
            await process.token()
        assert shared.logins == 2


# Not available


@pytest.mark.parametrize(
    "bad",
    [reply(500), reply(503, b"<html>"), reply(200, b"{"), reply(200, {}), Reply(then="reset")],
)
async def test_after_a_failed_login_there_is_a_pause_for_all(bad: Reply) -> None:
    async with app(always(bad)) as shared:
        for process in (shared.process(), shared.process()):
            with pytest.raises(UpstreamUnavailable) as unavailable:
                await process.token()
            assert unavailable.value.retry_after == 12
        assert shared.logins == 1
        shared.clock.forward(12)
        with pytest.raises(UpstreamUnavailable):
            await process.token()
        assert shared.logins == 2


async def test_a_login_that_is_not_answered_is_a_failed_one() -> None:
    never = Reply(hold=asyncio.Event())
    async with app(always(never)) as shared:
        with pytest.raises(UpstreamUnavailable):
            await shared.process(patience=0.2).token()
        assert shared.logins == 1
        assert never.hold is not None
        never.hold.set()


async def test_an_endpoint_that_was_not_reached_may_be_tried_again_soon() -> None:
    async with app() as shared:
        url, shared.server.url = shared.server.url, nobody()
        with pytest.raises(UpstreamUnavailable) as unavailable:
            await shared.process().token()
        assert unavailable.value.retry_after == 1
        shared.server.url = url
        assert await shared.process().token() == "token-1"
