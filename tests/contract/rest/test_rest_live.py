"""What RingCentral is asked for a read or a cancel, against the simulator."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from orchestrator.settings import Settings
from tests.contract.rest.conftest import BODY, PATHS, Rest, started
from tests.harness.simulated import Simulated

NO_CACHE = {"Cache-Control": "no-cache"}
LIVE = "ringout; fwd=request"


@pytest.fixture
async def rest(settings: Settings) -> AsyncIterator[Rest]:
    """A front end on the simulator, without a worker."""
    async with started(settings) as running:
        yield running


@pytest.fixture
async def foreign(simulated: Simulated, session: aiohttp.ClientSession) -> str:
    """RingCentral's id of a ring-out that was not made here."""
    url = f"{simulated.url}{PATHS[1]}"
    headers = {"Authorization": "Bearer simulator-key"}
    async with session.post(url, json=BODY, headers=headers) as response:
        assert response.status == 200, await response.text()
        return str((await response.json())["id"])


async def _looks(simulated: Simulated) -> int:
    rows = await simulated.requests()
    return sum(row["operation"] == "status" for row in rows)


async def test_an_id_not_known_here_is_one_live_read(
    rest: Rest, simulated: Simulated, foreign: str
) -> None:
    answers = await asyncio.gather(*(rest.ask("GET", f"{PATHS[0]}/{foreign}") for _ in range(20)))

    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["Cache-Status"] for answer in answers} == {"ringout; fwd=miss"}
    assert not any("Age" in answer.headers for answer in answers)
    assert answers[0].json["ringoutId"] == answers[0].json["id"] == foreign
    assert await _looks(simulated) == 1


async def test_what_is_known_of_a_foreign_call_is_not_sent_again(rest: Rest, foreign: str) -> None:
    path = f"{PATHS[1]}/{foreign}"
    first = await rest.ask("GET", path)

    again = await rest.ask("GET", path, headers={"If-None-Match": first.headers["ETag"]})

    assert again.status == 304
    waited = {"If-None-Match": '"x"', "Prefer": "wait=60"}
    assert "Preference-Applied" not in (await rest.ask("GET", path, headers=waited)).headers


async def test_an_id_that_nobody_knows_is_404(rest: Rest, simulated: Simulated) -> None:
    for method in ("GET", "DELETE"):
        answer = await rest.ask(method, f"{PATHS[0]}/s-nobody")
        assert (answer.status, answer.json["code"]) == (404, "call_not_found")


@pytest.mark.parametrize("wish", ["no-cache", "max-age=0", "private, No-Cache"])
async def test_no_cache_asks_ringcentral(
    rest: Rest, simulated: Simulated, foreign: str, wish: str
) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id, foreign)
    path = f"{PATHS[0]}/{call_id}"
    cached = await rest.ask("GET", path)
    before = await _looks(simulated)

    answer = await rest.ask("GET", path, headers={"Cache-Control": wish})

    assert cached.headers["Cache-Status"] == "ringout; hit"
    assert answer.headers["Cache-Status"] == LIVE
    assert "Age" not in answer.headers
    assert await _looks(simulated) == before + 1


async def test_a_cancel_of_a_foreign_call_makes_it_ours(rest: Rest, foreign: str) -> None:
    answer = await rest.ask("DELETE", f"{PATHS[0]}/{foreign}")

    assert answer.status == 202
    assert answer.json["id"].startswith("call_")
    assert answer.json["ringoutId"] == foreign
    again = await rest.ask("GET", f"{PATHS[1]}/{foreign}")
    assert again.headers["Cache-Status"] == "ringout; hit"


async def test_a_spent_budget_answers_from_here_or_429_and_nothing_is_sent(
    rest: Rest, simulated: Simulated, foreign: str
) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id, foreign)
    await simulated.fault(
        operation="status", kind="status", status=429, headers={"Retry-After": "30"}
    )
    first = await rest.ask("GET", f"{PATHS[0]}/{call_id}", headers=NO_CACHE)
    asked = await _looks(simulated)

    second = await rest.ask("GET", f"{PATHS[0]}/{call_id}", headers=NO_CACHE)
    unknown = await rest.ask("GET", f"{PATHS[0]}/s-unknown")

    for answer in (first, second):
        assert (answer.status, answer.json["state"]) == (200, "ringing")
        assert answer.headers["Cache-Status"] == "ringout; hit"
        assert "observedAt" in answer.json
    assert (unknown.status, unknown.json["code"]) == (429, "ringcentral_rate_limited")
    assert 1 <= int(unknown.headers["Retry-After"]) <= 60
    assert await _looks(simulated) == asked
    assert (await rest.ask("GET", f"{PATHS[0]}/{call_id}")).status == 200


async def test_ringcentrals_refusal_keeps_its_status(rest: Rest, simulated: Simulated) -> None:
    await simulated.fault(
        operation="status",
        kind="status",
        status=403,
        errorCode="CMN-401",
        message="No permission for +16505550123",
    )

    answer = await rest.ask("GET", f"{PATHS[0]}/s-1")

    assert (answer.status, answer.json["errorCode"]) == (403, "CMN-401")
    assert "+16505550123" not in answer.raw.decode()


async def test_a_credential_that_ringcentral_refuses_is_401(
    rest: Rest, simulated: Simulated
) -> None:
    await simulated.tune(api_key_valid=False)

    answer = await rest.ask("GET", f"{PATHS[0]}/s-1")

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"kind": "status", "status": 500}, 502),
        ({"kind": "status", "status": 503, "body": "html"}, 502),
        ({"kind": "reset_after"}, 502),
        ({"kind": "truncated"}, 502),
        ({"kind": "hang_after"}, 504),
    ],
)
async def test_ringcentral_failing_is_502_or_504_where_nothing_is_known(
    simulated: Simulated, settings: Settings, foreign: str, fault: dict[str, object], status: int
) -> None:
    async with started(settings.model_copy(update={"upstream_timeout": 0.5})) as rest:
        await simulated.fault(operation="status", times=None, **fault)

        answer = await rest.ask("GET", f"{PATHS[0]}/{foreign}")
        call_id = await rest.placed()
        await rest.ring(call_id, foreign)
        known = await rest.ask("GET", f"{PATHS[0]}/{call_id}", headers=NO_CACHE)

    assert (answer.status, answer.json["code"]) == (status, "ringcentral_failed")
    assert known.status == 200
    assert known.headers["Cache-Status"] == f"{LIVE}; detail=ringcentral_failed"
    assert "Age" in known.headers
