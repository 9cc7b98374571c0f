"""DELETE: a wish written down, and what came of it."""

import pytest

from orchestrator.domain import calls
from orchestrator.domain.words import CancelOutcome
from orchestrator.runtime import now
from tests.contract.rest.conftest import BODY, HUNG_UP, PATHS, TALKING, Rest
from tests.contract.rest.documented import Answer


async def _cancel(rest: Rest, call_id: str, path: str = PATHS[0], **headers: str) -> Answer:
    return await rest.ask("DELETE", f"{path}/{call_id}", headers=headers)


@pytest.mark.parametrize("path", PATHS)
async def test_a_queued_call_is_cancelled_there_and_then(rest: Rest, path: str) -> None:
    call_id = await rest.placed()

    answer = await _cancel(rest, call_id, path)

    assert answer.status == 202
    assert (answer.json["state"], answer.json["outcome"]) == ("ended", "cancelled")
    assert answer.json["cancel"]["outcome"] == "cancelled"
    placing = await rest.front.backend.store.change(
        call_id, lambda call: calls.placing(call, now(), "late")
    )
    assert not placing.applied


async def test_a_live_call_is_asked_to_be_cancelled(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id)

    answer = await _cancel(rest, call_id)

    assert answer.status == 202
    assert answer.headers["Retry-After"] == "1"
    assert answer.json["state"] == "ringing"
    assert answer.json["cancel"]["outcome"] is None


async def test_a_call_that_was_over_is_204(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id, reading=TALKING)
    await rest.see(call_id, HUNG_UP)

    answer = await _cancel(rest, call_id)
    waited = await _cancel(rest, call_id, Prefer="wait=5")

    assert (answer.status, answer.raw) == (204, b"")
    assert waited.status == 204


async def test_cancelling_twice_is_one_cancel(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id)

    first, second = await _cancel(rest, call_id), await _cancel(rest, call_id)

    assert (first.status, second.status) == (202, 202)
    assert second.json == first.json
    assert (await _cancel(rest, await rest.placed())).status == 202


async def test_wait_is_answered_when_the_outcome_is_known(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id)

    headers = {"Prefer": "wait=30"}
    async with rest.held("DELETE", f"{PATHS[0]}/{call_id}", headers=headers) as held:
        await rest.change(call_id, lambda c: calls.cancel_settled(c, CancelOutcome.TOO_LATE))

    answer = held.result()
    assert (answer.status, answer.json["cancel"]["outcome"]) == (200, "too_late")
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert "Retry-After" not in answer.headers


async def test_wait_is_answered_at_once_for_a_queued_call(rest: Rest) -> None:
    answer = await _cancel(rest, await rest.placed(), Prefer="wait=30")

    assert (answer.status, answer.json["outcome"]) == (200, "cancelled")


async def test_wait_answers_202_when_the_time_is_over(rest: Rest) -> None:
    call_id = await rest.placed()
    await rest.ring(call_id)

    answer = await _cancel(rest, call_id, Prefer="wait=1")

    assert (answer.status, answer.json["cancel"]["outcome"]) == (202, None)
    assert answer.headers["Preference-Applied"] == "wait=1"


async def test_the_post_that_waits_hears_of_the_cancel(rest: Rest) -> None:
    async with rest.held("POST", PATHS[0], json=BODY, headers={"Prefer": "wait=30"}) as held:
        (call,) = (await rest.ask("GET", "/v1/calls")).json["calls"]
        await _cancel(rest, call["id"])

    assert (held.result().status, held.result().json["code"]) == (409, "call_withdrawn")


async def test_an_unknown_id_is_404(rest: Rest) -> None:
    answer = await _cancel(rest, "call_0")

    assert (answer.status, answer.json["code"]) == (404, "call_not_found")


async def test_a_body_is_not_minded(rest: Rest) -> None:
    call_id = await rest.placed()

    answer = await rest.ask("DELETE", f"{PATHS[1]}/{call_id}", data=b"{not json")

    assert answer.status == 202
