"""The client against a RingCentral that keeps its own ledger of what was dialled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator.domain.budget import Penalty, Scope
from orchestrator.domain.errors import (
    UpstreamFailed,
    UpstreamGated,
    UpstreamGone,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.evidence import Sought, candidates
from orchestrator.domain.status import Reading
from orchestrator.domain.words import Outcome
from orchestrator.telephony.auth import JwtTokens
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.link import system_clock
from simulator import Simulator, SimulatorSettings, Tuning, serving
from simulator.faults import FaultSpec
from tests.harness.waiting import wait_until
from tests.integration.telephony.world import BODY, PAID, MemoryBudget, MemoryTokens

CALLER, CALLEE = "+16505550100", "+16505550123"
AT_ONCE = Tuning(active_calls_lag=(0.0, 0.0), call_log_lag=(0.0, 0.0))


@dataclass
class Deployment:
    simulator: Simulator
    processes: list[RingCentral] = field(default_factory=list)
    budget: MemoryBudget = field(default_factory=MemoryBudget)

    def requests(self, operation: str) -> int:
        entries = self.simulator.world.journal.since(0)
        return sum(entry.operation == operation for entry in entries)

    def fault(self, **spec: Any) -> None:
        self.simulator.world.faults.add(FaultSpec.read(spec))


@asynccontextmanager
async def deployed(
    processes: int = 1, *, limits: str = "off", tuning: Tuning = AT_ONCE
) -> AsyncIterator[Deployment]:
    settings = SimulatorSettings(port=0, limits=limits, tuning=tuning)
    store = MemoryTokens()
    async with serving(settings) as simulator, AsyncExitStack() as stack:
        running = Deployment(simulator)
        for _ in range(processes):
            tokens = JwtTokens(
                server_url=simulator.url,
                client_id=settings.client_id,
                client_secret=settings.client_secret,
                jwt=settings.jwt,
                store=store,
                budget=running.budget,
            )
            client = RingCentral(
                server_url=simulator.url + "/", tokens=tokens, budget=running.budget
            )
            running.processes.append(await stack.enter_async_context(client))
            await tokens.token()
        yield running


async def test_a_call_is_placed_read_and_cancelled() -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        await ringcentral.ready()
        placed = await ringcentral.make("~", "~", BODY, PAID)
        assert placed.reading == Reading("InProgress", "InProgress", "InProgress")
        assert await ringcentral.status("~", "~", placed.ringout_id) == placed.reading
        await ringcentral.cancel("~", "~", placed.ringout_id)
        with pytest.raises(UpstreamGone):
            await ringcentral.cancel("~", "~", placed.ringout_id)
        assert (await ringcentral.status("~", "~", placed.ringout_id)).caller != "InProgress"
        assert len(running.simulator.world.calls) == 1
        assert running.requests("token") == 1


@pytest.mark.parametrize("id_mode", ["session", "base64", "integer"])
async def test_ids_of_every_kind(id_mode: str) -> None:
    async with deployed(tuning=AT_ONCE.changed({"id_mode": id_mode})) as running:
        (ringcentral,) = running.processes
        placed = await ringcentral.make("~", "~", BODY, PAID)
        assert (await ringcentral.status("~", "~", placed.ringout_id)).call == "InProgress"


async def test_a_call_whose_answer_was_lost_is_found_again() -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        running.fault(operation="make", kind="reset_after")
        asked_at = system_clock()
        with pytest.raises(UpstreamFailed):
            await ringcentral.make("~", "~", BODY, PAID)
        sought = Sought(frozenset({CALLER, CALLEE}), asked_at)

        live = candidates(await ringcentral.active_calls("~", "~"), sought)
        assert [record.is_live for record in live] == [True]

        running.simulator.world.clock.advance(600)
        ended = candidates(
            await ringcentral.call_log("~", "~", asked_at - 60_000, asked_at + 3_600_000), sought
        )
        assert [record.outcome for record in ended] == [Outcome.COMPLETED]
        assert ended[0].session_id == live[0].session_id
        assert len(running.simulator.world.calls) == 1


@pytest.mark.parametrize(
    "kind", ["reset_before", "reset_after", "truncated", "broken_off", "dialled_status"]
)
async def test_no_fault_makes_it_dial_twice(kind: str) -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        await ringcentral.ready()
        running.fault(operation="make", kind=kind)
        with pytest.raises(UpstreamFailed):
            await ringcentral.make("~", "~", BODY, PAID)
        assert running.requests("make") == 1
        assert len(running.simulator.world.calls) == (0 if kind == "reset_before" else 1)


@pytest.mark.parametrize(
    ("to", "status", "code"),
    [("+16505550130", 403, "TEL-101"), ("+16505550132", 403, "BIL-103"), ("12", 400, "TEL-109")],
)
async def test_refusals_carry_ringcentrals_code(to: str, status: int, code: str) -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        with pytest.raises(UpstreamRefused) as refusal:
            await ringcentral.make("~", "~", {**BODY, "to": {"phoneNumber": to}}, PAID)
        assert (refusal.value.http_status, refusal.value.error_code) == (status, code)


# 401


@pytest.mark.parametrize("code", ["OAU-213", "OAU-128"])
async def test_a_401_is_handed_back_and_a_new_token_got_for_the_next_time(code: str) -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        await ringcentral.ready()
        running.fault(operation="make", kind="status", status=401, errorCode=code)
        with pytest.raises(UpstreamUnavailable) as unavailable:
            await ringcentral.make("~", "~", BODY, PAID)
        assert unavailable.value.retry_after == 0
        assert (running.requests("make"), running.requests("token")) == (1, 1)
        assert running.budget.refunded == [], "RingCentral may count what it refused"
        await ringcentral.ready()
        assert (await ringcentral.make("~", "~", BODY, PAID)).ringout_id
        assert (running.requests("make"), running.requests("token")) == (2, 2)
        assert len(running.simulator.world.calls) == 1


@pytest.mark.parametrize("operation", ["status", "cancel"])
async def test_a_401_to_what_rings_nobody_is_replayed_once(operation: str) -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        placed = await ringcentral.make("~", "~", BODY, PAID)
        running.fault(operation=operation, kind="status", status=401)
        ask = getattr(ringcentral, operation)
        await ask("~", "~", placed.ringout_id)
        assert (running.requests(operation), running.requests("token")) == (2, 2)


async def test_while_another_request_s_token_is_replaced_nothing_is_sent() -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        await ringcentral.ready()
        running.fault(operation="make", kind="status", status=401)
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable):
                await ringcentral.make("~", "~", BODY, PAID)
        assert (running.requests("make"), running.budget.refunded) == (1, ["heavy"])


async def test_a_token_that_has_placed_a_call_may_be_replaced_again() -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        for _ in range(3):
            running.fault(operation="make", kind="status", status=401)
            with pytest.raises(UpstreamUnavailable):
                await ringcentral.make("~", "~", BODY, PAID)
            await ringcentral.ready()
            assert (await ringcentral.make("~", "~", BODY, PAID)).ringout_id
        assert running.requests("token") == 4


async def test_calls_whose_401_came_at_the_same_time_are_told_the_same() -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        running.fault(operation="make", kind="status", status=401, times=None)
        for error in (UpstreamUnavailable, UpstreamRefused):
            await ringcentral.ready()
            made = await asyncio.gather(
                *(ringcentral.make("~", "~", BODY, PAID) for _ in range(5)), return_exceptions=True
            )
            assert {type(one) for one in made} == {error}
        assert running.requests("token") == 2


async def test_a_second_401_is_a_refusal() -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        running.fault(operation="make", kind="status", status=401, times=None)
        with pytest.raises(UpstreamUnavailable):
            await ringcentral.make("~", "~", BODY, PAID)
        await ringcentral.ready()
        with pytest.raises(UpstreamRefused) as refusal:
            await ringcentral.make("~", "~", BODY, PAID)
        assert refusal.value.http_status == 401
        assert (running.requests("make"), running.requests("token")) == (2, 2)


async def test_an_account_that_is_always_refused_does_not_hammer_the_token_endpoint() -> None:
    async with deployed(limits="heavy=1000/60,auth=5/60") as running:
        running.budget.logins_a_minute = 4
        (ringcentral,) = running.processes
        running.fault(operation="make", kind="status", status=401, times=None)
        for error in (UpstreamUnavailable, UpstreamRefused, UpstreamRefused, UpstreamRefused):
            await ringcentral.ready()
            with pytest.raises(error):
                await ringcentral.make("~", "~", BODY, PAID)
        for _ in range(20):
            with pytest.raises(UpstreamGated):
                await ringcentral.ready()
        assert (running.requests("token"), running.requests("make")) == (4, 4)


async def test_an_evicted_session_costs_one_login_for_five_processes() -> None:
    async with deployed(processes=5) as running:
        await asyncio.gather(*(one.ready() for one in running.processes))
        world = running.simulator.world
        assert running.requests("token") == 1
        world.sessions.close(next(iter(world.sessions._by_access.values())))
        for one in running.processes:
            with pytest.raises(UpstreamUnavailable):
                await one.make("~", "~", BODY, PAID)
        await asyncio.gather(*(one.ready() for one in running.processes))
        made = await asyncio.gather(*(one.make("~", "~", BODY, PAID) for one in running.processes))
        assert len({placed.ringout_id for placed in made}) == 5
        assert len(world.calls) == 5
        assert running.requests("token") == 2


# Limits


async def test_no_request_is_made_inside_a_penalty() -> None:
    async with deployed(processes=2, limits="heavy=2/60") as running:
        first, second = running.processes
        placed = await first.make("~", "~", BODY, PAID)
        await first.make("~", "~", BODY, PAID)
        for one in (first, second):
            with pytest.raises(UpstreamGated):
                await one.cancel("~", "~", placed.ringout_id)
        assert running.budget.closed == {"heavy": Penalty(60, Scope.BUCKET)}
        assert not any(entry.inside_penalty for entry in running.simulator.world.journal.since(0))
        assert running.requests("cancel") == 1, "the one that the penalty began with"


async def test_the_global_limit_closes_every_gate() -> None:
    async with deployed(limits="global=2/60", tuning=AT_ONCE.changed({"retry_after": False})) as (
        running
    ):
        (ringcentral,) = running.processes
        await ringcentral.make("~", "~", BODY, PAID)
        with pytest.raises(UpstreamGated):
            await ringcentral.make("~", "~", BODY, PAID)
        assert running.budget.closed == {"heavy": Penalty(60, Scope.HOUSE)}
        with pytest.raises(UpstreamGated):
            await ringcentral.status("~", "~", "s-1")
        assert running.requests("status") == 0


async def test_a_broken_connection_costs_a_probe_and_no_call() -> None:
    async with deployed() as running:
        (ringcentral,) = running.processes
        await ringcentral.ready()
        await ringcentral.ready()
        assert running.requests("versions") == 1
        running.fault(operation="status", kind="reset_before", times=2)
        with pytest.raises(UpstreamFailed):
            await ringcentral.status("~", "~", "s-1")
        await wait_until(lambda: not ringcentral._transport.has_idle_connection, every=0.002)
        await ringcentral.ready()
        assert running.requests("versions") == 2
        assert (await ringcentral.make("~", "~", BODY, PAID)).ringout_id
