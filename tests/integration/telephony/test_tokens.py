"""Tokens by JWT: shared, renewed in good time, and never asked for too often."""

import asyncio

import pytest
from structlog.testing import capture_logs

from orchestrator.domain.errors import StorageUnavailable, UpstreamGated, UpstreamUnavailable
from orchestrator.telephony.auth import app_name
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.sealing import Kept
from tests.harness.waiting import wait_until
from tests.integration.telephony.apps import LIFE, app, granting
from tests.integration.telephony.world import (
    BODY,
    PAID,
    MemoryTokens,
    Received,
    Reply,
    always,
    nobody,
    reply,
)

# Shared


async def test_fifty_calls_in_five_processes_log_in_once() -> None:
    async with app() as shared:
        processes = [shared.process() for _ in range(5)]
        tokens = await asyncio.gather(*(one.token() for one in processes for _ in range(50)))
        assert set(tokens) == {"token-1"}
        assert shared.logins == 1
        assert shared.store.leases == {}


async def test_a_new_process_finds_the_token() -> None:
    async with app() as shared:
        await shared.process().token()
        assert await shared.process().token() == "token-1"
        assert shared.logins == 1


async def test_the_store_learns_nothing() -> None:
    async with app() as shared:
        await shared.process().token()
        sealed, until_ms = shared.store.kept["default"]
        assert b"token-1" not in sealed
        assert until_ms == shared.clock() + 1000 * LIFE


async def test_a_token_saved_under_another_secret_is_not_there() -> None:
    async with app() as shared:
        await shared.process("another-secret").token()
        assert await shared.process().token() == "token-2"


async def test_a_corrupt_token_is_not_there() -> None:
    async with app() as shared:
        await shared.store.save("default", b"\x00garbage", 100)
        assert await shared.process().token() == "token-1"


# In good time


async def test_at_80_percent_it_is_renewed_and_nobody_waits() -> None:
    gate = asyncio.Event()
    inner = granting()

    def script(request: Received) -> Reply:
        answer = inner(request)
        answer.hold = gate if b"token-2" in answer.data else None
        return answer

    async with app(script) as shared:
        process, other = shared.process(), shared.process()
        assert await process.token() == await other.token() == "token-1"
        shared.clock.forward(0.8 * LIFE - 1)
        assert await process.token() == "token-1"
        shared.clock.forward(1)
        assert [await process.token() for _ in range(10)] == ["token-1"] * 10
        await wait_until(lambda: shared.logins == 2, every=0.002)
        assert await process.token() == await other.token() == "token-1", "nobody waits"
        gate.set()
        await wait_until(lambda: process._held.token == "token-2", every=0.002)
        assert await process.token() == "token-2"
        await wait_until(lambda: other._held.token == "token-2", every=0.002)
        assert shared.logins == 2


async def test_a_token_that_is_over_is_waited_for() -> None:
    async with app() as shared:
        process = shared.process()
        await process.token()
        shared.clock.forward(LIFE)
        assert await process.token() == "token-2"


async def test_a_renewal_that_fails_leaves_the_old_token_and_says_so() -> None:
    replies = [reply(200, {"access_token": "token-1", "expires_in": LIFE}), reply(500)]
    async with app(lambda _request: replies.pop(0)) as shared:
        process, other = shared.process(), shared.process()
        await process.token()
        await other.token()
        shared.clock.forward(0.9 * LIFE)
        with capture_logs() as logs:
            assert await process.token() == "token-1"
            await wait_until(
                lambda: [entry for entry in logs if entry["event"] == "ringcentral_login_failed"],
                every=0.002,
            )
            assert await other.token() == "token-1"
            loads = shared.store.loads
            for _ in range(5):
                assert await process.token() == "token-1"
                await asyncio.sleep(0)
            await wait_until(lambda: other._quiet_until > 0, every=0.002)
        assert shared.logins == 2
        assert shared.store.loads <= loads + 1, "only the other process looks, and only once"
        assert "hidden" not in str(logs)


async def test_closing_ends_a_renewal_and_gives_the_right_back() -> None:
    first = reply(200, {"access_token": "token-1", "expires_in": LIFE})
    never = Reply(hold=asyncio.Event())
    replies = [first, never]
    async with app(lambda _request: replies.pop(0)) as shared:
        process = shared.process()
        await process.token()
        shared.clock.forward(0.9 * LIFE)
        await process.token()
        await wait_until(lambda: shared.logins == 2, every=0.002)
        await process.close()
        assert shared.store.leases == {}
        assert never.hold is not None
        never.hold.set()


# Rejected


async def test_a_rejected_token_is_replaced_once_for_all() -> None:
    async with app() as shared:
        processes = [shared.process() for _ in range(5)]
        for one in processes:
            await one.token()
        for one in processes:
            await one.rejected("token-1")
        tokens = await asyncio.gather(*(one.token() for one in processes))
        assert set(tokens) == {"token-2"}
        assert shared.logins == 2


async def test_a_late_rejection_of_an_older_token_changes_nothing() -> None:
    async with app() as shared:
        process = shared.process()
        await process.token()
        await process.rejected("token-1")
        await process.token()
        await process.rejected("token-1")
        shared.store.is_away = True
        assert await process.token() == "token-2", "what is held is used without asking the store"
        assert shared.logins == 2


async def test_logins_stay_below_ringcentrals_limit_whoever_makes_them() -> None:
    async with app() as shared:
        for number in range(1, 5):
            process = shared.process()
            assert await process.token() == f"token-{number}"
            await process.rejected(f"token-{number}")
            if number < 4:
                assert await process.token() == f"token-{number + 1}"
            shared.clock.forward(5)
        with pytest.raises(UpstreamGated) as gated:
            await process.token()
        assert gated.value.retry_after == 40
        assert shared.logins == 4
        shared.clock.forward(40)
        assert await process.token() == "token-5"


async def test_logins_are_paid_for_by_the_app_whoever_logs_in() -> None:
    async with app() as shared:
        await shared.process().token()
        await shared.process("another-secret").token()
        assert shared.budget.paid == [("auth", False), ("auth", False)]
        assert {payer.credential for payer in shared.budget.payers} == {app_name("app")}
        assert "app-" in app_name("app")
        assert app_name("app") != app_name("app2")


async def test_a_login_that_was_not_sent_is_not_paid_for() -> None:
    async with app() as shared:
        shared.server.url = nobody()
        with pytest.raises(UpstreamUnavailable):
            await shared.process().token()
        assert shared.budget.refunded == ["auth"]


# The right to log in


async def test_the_others_wait_for_who_is_logging_in() -> None:
    async with app() as shared:
        await shared.store.acquire("default", "another", 15)
        waiting = asyncio.create_task(shared.process().token())
        now = shared.clock()
        kept = shared.process()._seal.sealed(Kept("token-by-another", now, now + 1000 * LIFE))
        await shared.store.save("default", kept, LIFE)
        assert await waiting == "token-by-another"
        assert shared.logins == 0


async def test_who_was_just_overtaken_does_not_log_in_again() -> None:
    class Overtaken(MemoryTokens):
        async def acquire(self, credential: str, owner: str, seconds: float) -> bool:
            now = self.clock()
            kept = Kept("token-by-another", now, now + 1000 * LIFE)
            await self.save(credential, process._seal.sealed(kept), LIFE)
            return await super().acquire(credential, owner, seconds)

    async with app() as shared:
        shared.store = Overtaken(shared.clock)
        process = shared.process()
        assert await process.token() == "token-by-another"
        assert shared.logins == 0
        assert shared.store.leases == {}


async def test_the_right_of_a_dead_process_runs_out() -> None:
    async with app() as shared:
        await shared.store.acquire("default", "dead", 15)
        waiting = asyncio.create_task(shared.process().token())
        await asyncio.sleep(0)
        shared.clock.forward(15)
        assert await waiting == "token-1"


async def test_nobody_waits_for_ever() -> None:
    async with app() as shared:
        await shared.store.acquire("default", "stuck", 15)
        with pytest.raises(UpstreamUnavailable):
            await shared.process(patience=0.1).token()
        assert shared.logins == 0


async def test_one_who_gives_up_waiting_does_not_stop_the_login() -> None:
    slow = reply(200, {"access_token": "token-1", "expires_in": LIFE})
    slow.hold = asyncio.Event()
    async with app(always(slow)) as shared:
        process = shared.process()
        first, second = (asyncio.create_task(process.token()) for _ in range(2))
        await wait_until(lambda: shared.logins == 1, every=0.002)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        slow.hold.set()
        assert await second == "token-1"
        assert shared.logins == 1


# The store away


async def test_without_the_store_nobody_logs_in() -> None:
    async with app() as shared:
        shared.store.is_away = True
        with pytest.raises(StorageUnavailable):
            await shared.process().token()
        assert shared.logins == 0


async def test_a_token_that_cannot_be_shared_is_used_all_the_same() -> None:
    slow = reply(200, {"access_token": "token-1", "expires_in": LIFE})
    slow.hold = asyncio.Event()
    async with app(always(slow)) as shared:
        process = shared.process()
        asking = asyncio.create_task(process.token())
        await wait_until(lambda: shared.logins == 1, every=0.002)
        shared.store.is_away = True
        slow.hold.set()
        assert await asking == "token-1"
        assert await process.token() == "token-1"


@pytest.mark.parametrize("answers_first", [True, False], ids=["after a 401", "at once"])
async def test_a_call_without_a_token_is_one_that_was_not_placed(*, answers_first: bool) -> None:
    def script(request: Received) -> Reply:
        if request.path == "/restapi/oauth/token":
            return reply(200, {"access_token": "token-1", "expires_in": LIFE})
        shared.store.is_away = True
        return reply(401, {"errorCode": "OAU-213"})

    async with app(script) as shared:
        shared.store.is_away = not answers_first
        tokens = shared.process()
        if answers_first:
            await tokens.token()
        client = RingCentral(server_url=shared.server.url, tokens=tokens, budget=shared.budget)
        async with client as ringcentral:
            with pytest.raises(UpstreamUnavailable):
                await ringcentral.make("~", "~", BODY, PAID)
