"""A confirmation serves once, and for what was confirmed alone."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
import redis
from mcp.server.request_state import AESGCMRequestStateCodec, RequestStateSecurity

from orchestrator.domain.access import Scope
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.calls import StoreOptions
from orchestrator.storage.keys import CALLS
from tests.contract.mcp.access_kit import new_key
from tests.contract.mcp.confirmation_kit import ACCEPT, REFUSED_STATE, STATE_KEY, Poster
from tests.contract.mcp.conftest import BODY, ENVIRONMENT, address
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

OTHER_KEY = "fedcba9876543210fedcba9876543210"


@pytest.mark.parametrize("own_key", [None, "wish 1"])
async def test_a_confirmation_that_comes_again_is_the_same_call(
    poster: Poster, calls: Callable[[], list[str]], own_key: str | None
) -> None:
    wish = {"body": BODY} | ({"idempotencyKey": own_key} if own_key else {})
    state = (await poster.asked(wish))["requestState"]
    one_by_one = [await poster.made(wish, state) for _ in range(3)]
    at_once = await asyncio.gather(*(poster.made(wish, state) for _ in range(20)))
    assert set(one_by_one) | set(at_once) == set(calls())
    assert len(calls()) == 1


async def test_a_confirmation_that_comes_again_is_known_without_what_the_client_can(
    policies: dict[str, str], session: aiohttp.ClientSession, calls: Callable[[], list[str]]
) -> None:
    poster = Poster(session, policies["when-possible"])
    state = (await poster.asked({"body": BODY}))["requestState"]
    await poster.made({"body": BODY}, state)
    await poster.answered({"body": BODY}, state, asks=False)
    assert len(calls()) == 1


async def test_two_confirmations_are_two_calls(
    poster: Poster, calls: Callable[[], list[str]]
) -> None:
    states = [(await poster.asked({"body": BODY}))["requestState"] for _ in range(2)]
    assert len({await poster.made({"body": BODY}, state) for state in states}) == 2
    assert len(calls()) == 2


async def test_the_clients_own_key_stays_the_calls_key(
    poster: Poster, calls: Callable[[], list[str]]
) -> None:
    wish = {"body": BODY, "idempotencyKey": "wish 1"}
    states = [(await poster.asked(wish))["requestState"] for _ in range(2)]
    assert len({await poster.made(wish, state) for state in states}) == 1
    assert len(calls()) == 1


async def test_a_confirmation_serves_once_on_all_replicas_and_after_a_restart(
    fleet: Fleet, simulated: Simulated, session: aiohttp.ClientSession
) -> None:
    fleet.environment |= {
        "RINGOUT_MCP_PORT": "0",
        "RINGOUT_MCP_STATE_KEYS": STATE_KEY,
        "RINGOUT_MCP_CONFIRMATION": "required",
    }
    fleet.worker()
    processes = [fleet.command("mcp") for _ in range(2)]
    posters = [Poster(session, address(process)) for process in processes]
    state = (await posters[0].asked({"body": BODY}))["requestState"]

    made = await asyncio.gather(
        *(posters[index % 2].made({"body": BODY}, state) for index in range(20))
    )
    await wait_until(simulated.dialled)
    for process in processes:
        process.kill()
    again = Poster(session, address(fleet.command("mcp")))
    after = [await again.made({"body": BODY}, state) for _ in range(3)]
    other = (await again.asked({"body": BODY}))["requestState"]
    await again.made({"body": BODY}, other)

    assert len({*made, *after}) == 1
    await wait_until(lambda: _has_dialled(simulated, 2))
    assert len(await simulated.dialled()) == 2


async def _has_dialled(simulated: Simulated, count: int) -> bool:
    return len(await simulated.dialled()) >= count


def test_a_confirmation_is_remembered_longer_than_it_is_valid() -> None:
    assert StoreOptions().idempotency > RequestStateSecurity(keys=[STATE_KEY]).ttl


async def test_an_answer_without_a_question_is_asked_anew(
    poster: Poster, keys: Callable[[], list[str]]
) -> None:
    answer = await poster.answered({"body": BODY}, None)
    assert answer["result"]["resultType"] == "input_required"
    assert keys() == []


@pytest.mark.parametrize("replies", [None, {}, {"other": ACCEPT}, {"confirmation": {"roots": []}}])
async def test_a_question_that_comes_back_unanswered_is_asked_anew(
    poster: Poster, keys: Callable[[], list[str]], replies: Any
) -> None:
    state = (await poster.asked({"body": BODY}))["requestState"]
    again = await poster.asked({"body": BODY}, requestState=state, inputResponses=replies)
    assert again["requestState"] != state
    assert keys() == []


def _sealed_anew(state: str, seal: str = STATE_KEY, **claims: Any) -> str:
    opened = json.loads(AESGCMRequestStateCodec([STATE_KEY]).unseal(state))
    return AESGCMRequestStateCodec([seal]).seal(json.dumps({**opened, **claims}).encode())


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state[:-6] + ("AAAAAA" if state[-6:] != "AAAAAA" else "BBBBBB"),
        lambda state: state + "A",
        lambda _: "",
        lambda _: "wish",
        lambda state: _sealed_anew(state, exp=1.0),
        lambda state: _sealed_anew(state, p=None),
        lambda state: _sealed_anew(state, p="c29tZWJvZHkgZWxzZXMgY2xhaW0"),
        lambda state: _sealed_anew(state, t="cancel-ringout-call"),
        lambda state: _sealed_anew(state, seal=OTHER_KEY),
    ],
    ids=["tampered", "longer", "empty", "made-up", "old", "anyone", "other", "tool", "key"],
)
async def test_a_state_that_is_not_ours_is_refused(
    poster: Poster, keys: Callable[[], list[str]], change: Callable[[str], str]
) -> None:
    state = (await poster.asked({"body": BODY}))["requestState"]
    assert _sealed_anew(state) != state
    answer = await poster.answered({"body": BODY}, change(state))
    assert answer["error"]["message"] == REFUSED_STATE
    assert keys() == []


async def test_a_state_that_is_sealed_anew_unchanged_is_the_same_confirmation(
    poster: Poster, calls: Callable[[], list[str]]
) -> None:
    state = (await poster.asked({"body": BODY}))["requestState"]
    assert len({await poster.made({"body": BODY}, _sealed_anew(state)) for _ in range(2)}) == 1
    assert len(calls()) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"body": {**BODY, "to": {"phoneNumber": "+16505550199"}}},
        {"body": {**BODY, "callerId": {"phoneNumber": "+16505550188"}}},
        {"body": BODY, "extensionId": "7"},
        {"body": BODY, "idempotencyKey": "wish 1"},
    ],
)
async def test_a_confirmation_is_for_its_own_arguments_alone(
    poster: Poster, keys: Callable[[], list[str]], other: dict[str, Any]
) -> None:
    state = (await poster.asked({"body": BODY}))["requestState"]
    answer = await poster.answered(other, state)
    assert answer["error"]["message"] == REFUSED_STATE
    assert keys() == []


async def test_a_confirmation_is_for_who_was_asked_alone(
    fleet: Fleet,
    api_keys: ApiKeys,
    session: aiohttp.ClientSession,
    redis_url: str,
) -> None:
    fleet.environment |= {**ENVIRONMENT, "RINGOUT_MCP_CONFIRMATION": "required"}
    tokens = [await new_key(api_keys, Scope.CREATE) for _ in range(2)]
    url = address(fleet.command("mcp"))
    one, other = (Poster(session, url, token) for token in tokens)
    state = (await one.asked({"body": BODY}))["requestState"]
    answer = await other.answered({"body": BODY}, state)
    assert answer["error"]["message"] == REFUSED_STATE
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        assert client.exists(CALLS) == 0
        made = await one.made({"body": BODY}, state)
        assert client.zrange(CALLS, 0, -1) == [made]
