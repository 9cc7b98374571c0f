"""The routes that the console reads: how the house stands, and a call's time line."""

import pytest

from orchestrator.domain.budget import Heard, Limit, Payer
from orchestrator.domain.clock import from_rfc3339
from orchestrator.domain.verdicts import Source, Statement, Told
from orchestrator.domain.words import State
from orchestrator.runtime import now
from orchestrator.storage.budget import RedisBudget
from orchestrator.storage.evidence import EvidenceBook
from orchestrator.storage.stats import Stats, Worker
from tests.contract.rest.conftest import HUNG_UP, TALKING, Rest


async def test_a_time_line_is_every_event_in_order(rest: Rest) -> None:
    await rest.placed()
    call_id = await rest.placed(clientReference="order 7")
    await rest.ring(call_id)
    await rest.placed()
    await rest.see(call_id, TALKING)
    await rest.see(call_id, HUNG_UP)
    told = (await rest.ask("GET", f"/v1/calls/{call_id}/timeline")).json
    assert told["id"] == call_id
    assert told["complete"] is True
    assert [event["sequence"] for event in told["events"]] == [1, 2, 3, 4, 5]
    kinds = [event["type"] for event in told["events"]]
    assert kinds == [f"call.{state}" for state in State if state is not State.UNCONFIRMED]
    assert told["events"][-1]["outcome"] == "completed"
    assert told["events"][3]["status"]["calleeStatus"] == "Success"
    assert [event["outcome"] for event in told["events"][:-1]] == [None] * 4


async def test_a_time_line_shows_the_evidence_on_a_lost_call(rest: Rest) -> None:
    call_id = await rest.placed()
    assert (await rest.ask("GET", f"/v1/calls/{call_id}/timeline")).json["evidence"] == []
    book = EvidenceBook(rest.front.backend.commands)
    at = from_rfc3339("2026-11-24T07:00:07.500Z")
    await book.note(call_id, Statement(at, Source.PRESENCE, 7_500, 1, 0, "", "s-1", Told.PLACED))
    await book.note(call_id, Statement(at, Source.CALL_LOG, 35_000, fault="HTTP-503"))
    told = (await rest.ask("GET", f"/v1/calls/{call_id}/timeline")).json
    assert told["evidence"] == [
        {
            "at": "2026-11-24T07:00:07.500Z",
            "source": "presence",
            "since": 7_500,
            "found": 1,
            "doubtful": 0,
            "fault": None,
            "session": "s-1",
            "verdict": "placed",
        },
        {
            "at": "2026-11-24T07:00:07.500Z",
            "source": "call_log",
            "since": 35_000,
            "found": None,
            "doubtful": 0,
            "fault": "HTTP-503",
            "session": None,
            "verdict": None,
        },
    ]


async def test_a_time_line_says_what_is_no_longer_kept(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id)
    redis = rest.front.backend.commands.redis
    await redis.xtrim("ringout:v1:{ringout}:events", maxlen=1, approximate=False)
    told = (await rest.ask("GET", f"/v1/calls/{call_id}/timeline")).json
    assert told["complete"] is False
    assert [event["type"] for event in told["events"]] == ["call.ringing"]


@pytest.mark.parametrize(
    ("call_id", "status", "code"),
    [
        ("call_1", 404, "call_not_found"),
        ("s-1", 404, "call_not_found"),
        ("%00", 422, "invalid_field"),
    ],
)
async def test_a_time_line_of_nothing(rest: Rest, call_id: str, status: int, code: str) -> None:
    answer = await rest.ask("GET", f"/v1/calls/{call_id}/timeline")
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_a_house_without_workers_says_so(rest: Rest) -> None:
    assert (await rest.ask("GET", "/v1/stats")).json == {"stats": None, "totals": {}, "workers": []}


async def test_the_house_is_told_as_it_was_counted(rest: Rest) -> None:
    stats = Stats(rest.front.backend.commands)
    await rest.placed()
    budget = RedisBudget(rest.front.backend.commands)
    paid = await budget.spend(Payer(), "heavy")
    await budget.settle(paid, Heard(limit=Limit(10, 4, 60)))
    await budget.settle(await budget.spend(Payer(), "light"), Heard())
    worker = Worker("w_1", "host:1", "1.2.3", now())
    await stats.beat(worker, now(), {"jobs": 2, "looks": 0, "draining": "yes"})
    await stats.count()
    told = (await rest.ask("GET", "/v1/stats")).json
    assert told["stats"]["calls"]["queued"] == 1
    assert told["stats"]["queue"]["ready"] == 1
    heavy, light = told["stats"]["budgets"]
    assert (heavy["group"], heavy["left"], heavy["limit"]) == ("heavy", 4, 10)
    assert (light["group"], light["left"], light["closedSeconds"]) == ("light", None, 0)
    assert told["totals"] == {"accepted": 1}
    (one,) = told["workers"]
    assert (one["id"], one["version"], one["jobs"], one["draining"]) == ("w_1", "v1.2.3", 2, True)
