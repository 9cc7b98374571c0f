"""A person says yes before an agent's call is made."""

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from mcp import Client
from mcp.types import ElicitResult

from tests.contract.mcp.confirmation_kit import MAKE, YES, Person, Poster
from tests.contract.mcp.conftest import (
    BODY,
    ENVIRONMENT,
    FIXTURE_SERVER,
    address,
    call_of,
    refusal_of,
)
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated

NOTHING_DONE = "Nothing was done, nobody is rung."


@pytest.mark.parametrize("policy", ["required", "when-possible"])
async def test_a_person_is_shown_the_call_and_accepts(
    policies: dict[str, str], calls: Callable[[], list[str]], policy: str
) -> None:
    person = Person(YES)
    body = {**BODY, "callerId": {"phoneNumber": "+16505550188"}}
    async with Client(policies[policy], elicitation_callback=person) as client:
        made = call_of(await client.call_tool(MAKE, {"body": body}))
    assert calls() == [made["id"]]
    (question,) = person.asked
    assert question.message == (
        "Place this call? +16*****0100 rings first, then +16*****0123. Caller ID: +16*****0188."
    )
    assert question.requested_schema == {
        "type": "object",
        "properties": {"place": {"type": "boolean", "title": "Place the call", "default": True}},
        "required": ["place"],
    }


@pytest.mark.parametrize(
    ("caller", "words"),
    [
        (None, "The line's default phone rings first"),
        ({"forwardingNumberId": "301"}, "Forwarding number 301 rings first"),
    ],
)
async def test_a_caller_without_a_number_is_named(
    poster: Poster, caller: dict[str, str] | None, words: str
) -> None:
    body = {"to": BODY["to"]} | ({"from": caller} if caller else {})
    question = await poster.asked({"body": body})
    said = question["inputRequests"]["confirmation"]["params"]["message"]
    assert words in said
    assert said.endswith("Caller ID: the line's default.")


async def test_another_line_is_named(poster: Poster) -> None:
    question = await poster.asked({"body": BODY, "accountId": "12", "extensionId": "34"})
    said = question["inputRequests"]["confirmation"]["params"]["message"]
    assert said.endswith(" Extension 34 of account 12.")


async def test_where_it_is_off_nobody_is_asked(
    policies: dict[str, str], calls: Callable[[], list[str]]
) -> None:
    person = Person(YES)
    async with Client(policies["off"], elicitation_callback=person) as client:
        call_of(await client.call_tool(MAKE, {"body": BODY}))
    assert (person.asked, len(calls())) == ([], 1)


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel"},
        {"action": "accept", "content": {"place": False}},
        {"action": "accept", "content": {"place": "true"}},
        {"action": "accept", "content": {"place": 1}},
        {"action": "accept", "content": {"place": None}},
        {"action": "accept", "content": {}},
        {"action": "accept", "content": {"Place": True}},
    ],
    ids=str,
)
@pytest.mark.parametrize("policy", ["required", "when-possible"])
async def test_who_does_not_say_yes_is_obeyed(
    policies: dict[str, str], keys: Callable[[], list[str]], policy: str, answer: dict[str, Any]
) -> None:
    person = Person(ElicitResult.model_validate(answer))
    async with Client(policies[policy], elicitation_callback=person) as client:
        said = refusal_of(await client.call_tool(MAKE, {"body": BODY}))
    assert said.startswith("confirmation_declined: confirmation: The person who was asked ")
    assert NOTHING_DONE in said
    assert len(person.asked) == 1
    assert keys() == []


async def test_a_client_that_shows_no_form_accepts_without_content(
    poster: Poster, calls: Callable[[], list[str]]
) -> None:
    state = (await poster.asked({"body": BODY}))["requestState"]
    answer = await poster.answered({"body": BODY}, state, {"action": "accept"})
    assert calls() == [answer["result"]["structuredContent"]["id"]]


@pytest.mark.parametrize("era", ["auto", "legacy"], ids=["newer", "older"], indirect=True)
async def test_a_client_that_cannot_ask(
    policies: dict[str, str], era: str, keys: Callable[[], list[str]]
) -> None:
    callback = Person(YES) if era == "legacy" else None
    async with Client(policies["required"], mode=era, elicitation_callback=callback) as client:
        said = refusal_of(await client.call_tool(MAKE, {"body": BODY}))
        assert said.startswith("confirmation_required: confirmation: ")
        assert NOTHING_DONE in said
        assert keys() == []
    async with Client(policies["when-possible"], mode=era, elicitation_callback=callback) as client:
        assert call_of(await client.call_tool(MAKE, {"body": BODY}))["state"] == "queued"


async def test_a_client_of_an_earlier_revision_cannot_ask_within_a_session_either(
    fleet: Fleet,
) -> None:
    fleet.environment |= {**ENVIRONMENT, "RINGOUT_MCP_CONFIRMATION": "required"}
    process = fleet.run([*FIXTURE_SERVER, "--stateful"])
    person = Person(YES)
    async with Client(address(process), mode="legacy", elicitation_callback=person) as client:
        said = refusal_of(await client.call_tool(MAKE, {"body": BODY}))
    assert said.startswith("confirmation_required: ")
    assert person.asked == []


async def test_a_client_that_only_opens_pages_cannot_ask(
    poster: Poster, keys: Callable[[], list[str]]
) -> None:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"url": {}}},
    }
    result = (await poster.post({"body": BODY}, _meta=meta))["result"]
    assert result["content"][0]["text"].startswith("confirmation_required: ")
    assert keys() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"to": {"phoneNumber": "0123"}}, "invalid_field"),
        ({**BODY, "to": {"phoneNumber": "+33142685300"}}, "refused_by_policy"),
        ({**BODY, "callbackUrl": "https://example.com/"}, "invalid_field"),
    ],
)
async def test_nobody_is_asked_about_a_call_that_may_not_be(
    required: str, keys: Callable[[], list[str]], body: dict[str, Any], code: str
) -> None:
    person = Person(YES)
    async with Client(required, elicitation_callback=person) as client:
        said = refusal_of(await client.call_tool(MAKE, {"body": body}))
    assert said.startswith(code)
    assert (person.asked, keys()) == ([], [])


async def test_a_dry_run_is_not_asked_about(required: str, calls: Callable[[], list[str]]) -> None:
    person = Person(YES)
    async with Client(required, elicitation_callback=person) as client:
        shown = call_of(await client.call_tool(MAKE, {"body": {**BODY, "validateOnly": True}}))
    assert shown["validateOnly"]["outcome"] == "accepted"
    assert (person.asked, calls()) == ([], [])


DRY = {**BODY, "validateOnly": True}


async def test_a_dry_run_of_a_client_that_cannot_ask_meets_the_same_refusal(
    poster: Poster, keys: Callable[[], list[str]]
) -> None:
    result = (await poster.post({"body": DRY}, asks=False))["result"]
    assert result["content"][0]["text"].startswith("confirmation_required: confirmation: ")
    assert keys() == []


async def test_where_nobody_has_to_be_asked_a_dry_run_is_accepted(policies: dict[str, str]) -> None:
    async with Client(policies["when-possible"]) as client:
        shown = call_of(await client.call_tool(MAKE, {"body": DRY}))
    assert shown["validateOnly"]["outcome"] == "accepted"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"body": {**DRY, "to": {"phoneNumber": "+33142685300"}}}, "refused_by_policy"),
        ({"body": DRY, "idempotencyKey": "wish 1"}, "invalid_field"),
    ],
)
async def test_what_else_refuses_a_dry_run_is_told_before(
    poster: Poster, wish: dict[str, Any], code: str
) -> None:
    result = (await poster.post(wish, asks=False))["result"]
    assert result["content"][0]["text"].startswith(code)


async def test_a_quota_that_is_used_up_is_told_before_anybody_is_asked(fleet: Fleet) -> None:
    fleet.environment |= {
        **ENVIRONMENT,
        "RINGOUT_MCP_CONFIRMATION": "required",
        "RINGOUT_VELOCITY_CALLEE": "1/60",
    }
    person = Person(YES)
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    url = address(fleet.command("mcp"))
    async with Client(url, elicitation_callback=person) as client:
        made = call_of(await client.call_tool(MAKE, wish))
        said = refusal_of(await client.call_tool(MAKE, {"body": BODY}))
        again = call_of(await client.call_tool(MAKE, wish))
    assert said.startswith("velocity_exceeded")
    assert again["id"] == made["id"]
    assert len(person.asked) == 1


async def test_a_call_that_is_made_is_not_asked_about_again(
    poster: Poster, calls: Callable[[], list[str]]
) -> None:
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    made = await poster.made(wish, (await poster.asked(wish))["requestState"])
    again = (await poster.post(wish, asks=False))["result"]["structuredContent"]
    assert [again["id"]] == [made] == calls()


async def test_a_key_that_was_used_for_another_call_is_refused_before_anybody_is_asked(
    poster: Poster,
) -> None:
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    await poster.made(wish, (await poster.asked(wish))["requestState"])
    other = {**wish, "body": {**BODY, "to": {"phoneNumber": "+16505550199"}}}
    result = (await poster.post(other))["result"]
    assert result["content"][0]["text"].startswith("idempotency_key_reused")


async def test_asking_writes_nothing_down(poster: Poster, keys: Callable[[], list[str]]) -> None:
    await poster.asked({"body": BODY, "idempotencyKey": "wish 1"})
    assert keys() == []


async def test_the_server_and_the_tool_say_so(required: str) -> None:
    async with Client(required) as client:
        (make,) = (one for one in (await client.list_tools()).tools if one.name == MAKE)
        assert "a person may be asked to confirm" in (make.description or "")
        assert "a person may be asked to confirm" in (client.instructions or "")


async def test_each_result_is_counted(
    poster: Poster, session: aiohttp.ClientSession, required: str
) -> None:
    async def count(result: str) -> float:
        async with session.get(required.removesuffix("/mcp") + "/metrics") as answer:
            lines = (await answer.text()).splitlines()
        name = f'ringout_mcp_tool_calls_total{{result="{result}",tool="{MAKE}"}} '
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    results = ("asked", "confirmation_declined", "confirmation_required", "ok")
    before = [await count(result) for result in results]
    state = (await poster.asked({"body": BODY}))["requestState"]
    await poster.answered({"body": BODY}, state, {"action": "decline"})
    await poster.post({"body": BODY}, asks=False)
    await poster.made({"body": BODY}, state)
    assert [await count(result) for result in results] == [one + 1 for one in before]


async def test_progress_is_told_once_it_is_confirmed(
    fleet: Fleet, simulated: Simulated, session: aiohttp.ClientSession
) -> None:
    await simulated.tune(leg1_ring=1.0, leg2_ring=1.0, talk=1.0)
    process = fleet.command("mcp", RINGOUT_MCP_PORT="0", RINGOUT_MCP_CONFIRMATION="required")
    fleet.worker()
    told: list[float] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with Client(address(process), elicitation_callback=Person(YES)) as client:
        made = call_of(await client.call_tool(MAKE, {"body": BODY}, progress_callback=tell))
    assert (made["state"], made["outcome"]) == ("ended", "completed")
    assert len(told) > 1
    assert told[-1] == made["sequence"]
