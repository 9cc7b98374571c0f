"""POST: a call written down, once a key, and answered as it was asked for."""

import asyncio
from typing import Any

import pytest

from orchestrator.domain import calls
from orchestrator.domain.errors import UpstreamRefused
from orchestrator.domain.words import Outcome
from orchestrator.runtime import now
from tests.contract.rest.conftest import BODY, PATHS, TRYING, Rest
from tests.contract.rest.documented import Answer

OTHER = {"to": {"phoneNumber": "+16505550199"}}


def _code(answer: Answer) -> str:
    return str(answer.json["code"])


@pytest.mark.parametrize("path", PATHS)
async def test_a_call_is_accepted_in_both_spellings(rest: Rest, path: str) -> None:
    answer = await rest.place(path=path)

    assert answer.status == 202
    call = answer.json
    assert answer.headers["Location"] == f"{path}/{call['id']}"
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["ETag"] == f'W/"{call["id"]}.1"'
    assert (call["state"], call["sequence"], call["outcome"]) == ("queued", 1, None)
    assert call["from"] == {"phoneNumber": "+16*****0100"}
    found = await rest.ask("GET", answer.headers["Location"])
    assert found.json == call


async def test_every_field_is_taken(rest: Rest) -> None:
    body = {
        **BODY,
        "callerId": {"phoneNumber": "+1 (650) 555-0199"},
        "playPrompt": True,
        "country": {"id": "1"},
        "clientReference": "order 4711 é",
        "expiresIn": 30,
    }

    answer = await rest.place(body, path=PATHS[0].replace("~", "37439510", 1))

    assert answer.status == 202
    assert answer.json["clientReference"] == "order 4711 é"
    request = await rest.front.backend.store.request(answer.json["id"])
    assert request == {
        "from": {"phoneNumber": "+16505550100"},
        "to": {"phoneNumber": "+16505550123"},
        "callerId": {"phoneNumber": "+16505550199"},
        "playPrompt": True,
        "country": {"id": "1"},
    }
    assert "/account/37439510/extension/~/" in answer.headers["Location"]


async def test_200_posts_with_one_key_are_one_call(rest: Rest) -> None:
    answers = await asyncio.gather(*(rest.place(Idempotency_Key='"one"') for _ in range(200)))

    assert {answer.status for answer in answers} == {202}
    assert len({answer.json["id"] for answer in answers}) == 1
    replayed = [answer for answer in answers if "Idempotency-Replayed" in answer.headers]
    assert len(replayed) == 199
    assert len((await rest.ask("GET", "/v1/calls")).json["calls"]) == 1


async def test_a_replay_answers_the_same_call_in_its_present_state(rest: Rest) -> None:
    first = await rest.place(Idempotency_Key="click-1")
    await rest.ring(first.json["id"])

    again = await rest.place(Idempotency_Key='"click-1"')

    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    assert again.json["state"] == "ringing"
    waited = await rest.place(Idempotency_Key="click-1", Prefer="wait=5")
    assert (waited.status, waited.headers["Idempotency-Replayed"]) == (200, "true")


@pytest.mark.parametrize(
    ("body", "path"), [(OTHER, PATHS[0]), (BODY, PATHS[0].replace("~", "12", 1))]
)
async def test_a_key_is_for_one_request(rest: Rest, body: Any, path: str) -> None:
    await rest.place(Idempotency_Key="click-1")

    answer = await rest.place(body, path=path, Idempotency_Key="click-1")

    assert (answer.status, _code(answer)) == (422, "idempotency_key_reused")
    assert len((await rest.ask("GET", "/v1/calls")).json["calls"]) == 1


async def test_the_spelling_of_a_request_does_not_make_it_another(rest: Rest) -> None:
    first = await rest.place(Idempotency_Key="click-1")

    body = {"to": {"phoneNumber": "+1 650 555 0123"}, "from": {"phoneNumber": "+1-650-555-0100"}}
    again = await rest.place(body, path=PATHS[1], Idempotency_Key="click-1")

    assert again.json["id"] == first.json["id"]
    assert again.headers["Location"].startswith(PATHS[1])


async def test_without_a_key_two_posts_are_two_calls(rest: Rest) -> None:
    assert await rest.placed() != await rest.placed()


async def test_wait_is_answered_when_ringcentral_has_answered(rest: Rest) -> None:
    async with rest.held("POST", PATHS[0], json=BODY, headers={"Prefer": "wait=30"}) as held:
        (call,) = (await rest.ask("GET", "/v1/calls")).json["calls"]
        await rest.ring(call["id"], "s-42")

    answer = held.result()
    assert answer.status == 200
    assert (answer.json["state"], answer.json["ringoutId"]) == ("ringing", "s-42")
    assert answer.headers["Preference-Applied"] == "wait=30"
    assert answer.headers["Location"] == f"{PATHS[0]}/{call['id']}"
    assert "Retry-After" not in answer.headers


async def test_wait_answers_a_refusal_with_ringcentrals_status(rest: Rest) -> None:
    async with rest.held("POST", PATHS[0], json=BODY, headers={"Prefer": "wait=30"}) as held:
        (call,) = (await rest.ask("GET", "/v1/calls")).json["calls"]
        await rest.take(call["id"])
        refusal = UpstreamRefused(403, "TEL-109", "Not allowed to call +16505550123.")
        await rest.change(call["id"], lambda c: calls.refused(c, now(), "fence", refusal))

    answer = held.result()
    assert (answer.status, answer.kind) == (403, "application/problem+json")
    problem = answer.json
    assert (problem["code"], problem["errorCode"]) == ("ringcentral_refused", "TEL-109")
    assert problem["instance"] == f"{PATHS[0]}/{call['id']}" == answer.headers["Location"]
    assert "+16505550123" not in answer.raw.decode()


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.EXPIRED])
async def test_wait_answers_409_where_ringcentral_was_never_asked(
    rest: Rest, outcome: Outcome
) -> None:
    async with rest.held("POST", PATHS[0], json=BODY, headers={"Prefer": "wait=30"}) as held:
        (call,) = (await rest.ask("GET", "/v1/calls")).json["calls"]
        await rest.change(call["id"], lambda c: calls.ended(c, now(), outcome))

    answer = held.result()
    assert (answer.status, _code(answer)) == (409, "call_withdrawn")
    assert outcome.value in answer.json["detail"]


@pytest.mark.parametrize("state", ["queued", "placing", "unconfirmed"])
async def test_wait_answers_202_when_the_time_is_over(rest: Rest, state: str) -> None:
    async with rest.held("POST", PATHS[0], json=BODY, headers={"Prefer": "wait=1"}) as held:
        (call,) = (await rest.ask("GET", "/v1/calls")).json["calls"]
        if state != "queued":
            await rest.take(call["id"])
        if state == "unconfirmed":
            await rest.change(call["id"], lambda c: calls.unconfirmed(c, "timeout", "No answer."))

    answer = held.result()
    assert (answer.status, answer.json["state"]) == (202, state)
    assert answer.headers["Preference-Applied"] == "wait=1"
    assert answer.headers["Retry-After"] == "1"


async def test_waiting_is_not_asking_again_and_again(rest: Rest) -> None:
    redis = rest.front.backend.commands.redis
    await redis.config_resetstat()

    await rest.place(Prefer="wait=1")

    reads = (await redis.info("commandstats")).get("cmdstat_hmget", {"calls": 0})["calls"]
    assert reads <= 4


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [
        ("wait=0", "wait=0"),
        ('WAIT="0"', "wait=0"),
        ("wait=0, wait=50", "wait=0"),
        ("return=minimal, wait=0; x=1, handling=lenient", "wait=0"),
        ("respond-async", "respond-async"),
        ("respond-async, wait=0", "respond-async, wait=0"),
        ('foo; bar="a, wait=50"', None),
    ],
)
async def test_preferences_are_read_as_rfc_7240_has_them(
    rest: Rest, prefer: str, applied: str | None
) -> None:
    answer = await rest.place(Prefer=prefer)

    assert answer.status == 202
    assert answer.headers.get("Preference-Applied") == applied


async def test_a_longer_wait_is_sixty_seconds(rest: Rest) -> None:
    options = {"json": BODY, "headers": {"Prefer": "wait=3600"}}
    async with rest.held("POST", PATHS[0], **options) as held:
        (call,) = (await rest.ask("GET", "/v1/calls")).json["calls"]
        await rest.ring(call["id"], reading=TRYING)

    assert held.result().headers["Preference-Applied"] == "wait=60"
