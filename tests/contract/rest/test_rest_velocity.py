"""How often, over REST: the headers by their grammar, the refusal, a second click, a dry run."""

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from orchestrator.domain.access import HOUSE_OWNER
from orchestrator.rest.openapi import document
from orchestrator.runtime import now
from orchestrator.settings import Settings
from orchestrator.storage import delivery_keys, keys
from orchestrator.storage.backlog import MOST_CALLBACKS
from orchestrator.storage.deliveries import PENDING_TTL_S
from orchestrator.storage.pauses import Pauses
from tests.contract.rest.conftest import BODY, PATHS, Rest, started
from tests.contract.rest.documented import Answer

CHANGED = {"velocity_callee": "1/60,3/900,5/3600,10/10800", "double_click": 5}
"""As it is out of the box."""

OTHER_CALLER = {**BODY, "from": {"phoneNumber": "+16505550101"}}
_MEMBER = re.compile(r'"([\x20\x21\x23-\x5b\x5d-\x7e]+)"((?:;[a-z*][a-z0-9_.*-]*=-?[0-9]{1,15})+)')


def parsed(value: str) -> dict[str, dict[str, int]]:
    """A List of Strings with integer parameters (RFC 9651), by name; AssertionError."""
    found: dict[str, dict[str, int]] = {}
    for member in re.split(r"[ \t]*,[ \t]*", value):
        match = _MEMBER.fullmatch(member)
        assert match, member
        pairs = (part.split("=") for part in match[2].removeprefix(";").split(";"))
        assert match[1] not in found
        found[match[1]] = {name: int(number) for name, number in pairs}
    return found


def limits(answer: Answer) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Both headers; every item of the second is a policy of the first."""
    policies = parsed(answer.headers["RateLimit-Policy"])
    left = parsed(answer.headers["RateLimit"])
    assert set(left) <= set(policies)
    assert all(set(one) == {"q", "w"} for one in policies.values())
    assert all(set(one) == {"r", "t"} for one in left.values())
    return policies, left


@pytest.fixture
async def strict(alone: Settings) -> AsyncIterator[Rest]:
    """A front end with the rules that it has out of the box."""
    async with started(alone.model_copy(update=CHANGED)) as running:
        yield running


async def _rejections(rest: Rest) -> dict[str, float]:
    text = (await rest.ask("GET", "/metrics")).raw.decode()
    found = re.findall(r'^ringout_policy_rejections_total\{policy="(.+)"\} (.+)$', text, re.M)
    return {policy: float(count) for policy, count in found}


def test_the_rules_tried_here_are_the_default() -> None:
    fields = Settings.model_fields
    assert {name: fields[name].default for name in CHANGED} == CHANGED


@pytest.mark.parametrize("path", PATHS)
async def test_an_accepted_call_tells_what_is_left(strict: Rest, path: str) -> None:
    answer = await strict.place(path=path)

    policies, left = limits(answer)
    assert answer.status == 202
    assert policies == {
        "callee-60": {"q": 1, "w": 60},
        "callee-900": {"q": 3, "w": 900},
        "callee-3600": {"q": 5, "w": 3600},
        "callee-10800": {"q": 10, "w": 10800},
    }
    assert left == {"callee-60": {"r": 0, "t": 60}}


async def test_one_call_too_many_is_429_and_names_its_policy(strict: Rest) -> None:
    await strict.place()

    answer = await strict.place(OTHER_CALLER, Idempotency_Key="k")

    problem = answer.json
    assert (answer.status, problem["code"]) == (429, "velocity_exceeded")
    assert problem["policy"] == "velocity.callee"
    assert problem["violated-policies"] == ["callee-60"]
    _, left = limits(answer)
    assert left["callee-60"]["r"] == 0
    assert int(answer.headers["Retry-After"]) == left["callee-60"]["t"] in range(58, 61)
    assert "6505550123" not in answer.raw.decode()
    assert len((await strict.ask("GET", "/v1/calls")).json["calls"]) == 1
    assert await _rejections(strict) == {"velocity.callee": 1}


async def test_a_refused_call_is_not_counted(alone: Settings) -> None:
    rules = {"velocity_callee": "1/60", "velocity_house": "3/86400"}
    async with started(alone.model_copy(update=rules)) as rest:
        _, left = limits(await rest.place())
        assert left["house-86400"]["r"] == 2
        for _ in range(3):
            _, left = limits(await rest.place())
            assert left["house-86400"]["r"] == 2
        answer = await rest.place({**BODY, "to": {"phoneNumber": "+16505550124"}})
        assert limits(answer)[1]["house-86400"]["r"] == 1


async def test_without_quotas_nothing_is_told(rest: Rest) -> None:
    answer = await rest.place()
    assert {"RateLimit", "RateLimit-Policy"}.isdisjoint(answer.headers)


async def test_a_second_click_is_answered_with_the_first_call(strict: Rest) -> None:
    first = await strict.place()

    clicked = await strict.place(Idempotency_Key="k")
    again = await strict.place(Idempotency_Key="k")

    assert [one.status for one in (first, clicked, again)] == [202, 202, 202]
    assert {one.json["id"] for one in (clicked, again)} == {first.json["id"]}
    assert clicked.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    for answer, is_click in ((clicked, True), (again, False)):
        assert answer.headers["Idempotency-Replayed"] == "true"
        assert ("Ringout-Double-Click" in answer.headers) is is_click
    assert limits(clicked)[1]["callee-60"]["r"] == 0
    other = {**BODY, "to": {"phoneNumber": "+16505550124"}}
    reused = await strict.place(other, Idempotency_Key="k")
    assert (reused.status, reused.json["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("path", PATHS)
async def test_a_second_click_at_another_extension_leads_to_the_first_call(
    strict: Rest, path: str
) -> None:
    one, other = (path.replace("extension/~", f"extension/{number}") for number in (101, 102))
    first = await strict.place(path=one)

    clicked = await strict.place(path=other)

    assert clicked.headers["Location"] == f"{one}/{first.json['id']}"
    assert (await strict.ask("GET", clicked.headers["Location"])).json["id"] == first.json["id"]


async def test_after_a_cancel_it_is_a_new_wish_that_is_counted(strict: Rest) -> None:
    first = await strict.place()
    await strict.ask("DELETE", first.headers["Location"])

    answer = await strict.place()

    assert (answer.status, answer.json["policy"]) == (429, "velocity.callee")


@pytest.mark.parametrize("headers", [{}, {"Prefer": "wait=5"}])
async def test_a_dry_run_says_what_would_happen(strict: Rest, headers: dict[str, str]) -> None:
    dry = {**BODY, "validateOnly": True, "clientReference": "order 4711"}
    answer = await strict.place(dry, **headers)

    call = answer.json
    assert (answer.status, call["id"], call["state"]) == (200, "validate_only", "queued")
    assert call["uri"].endswith("/ring-out")
    assert call["clientReference"] == "order 4711"
    assert {"Location", "ETag", "Preference-Applied", "Retry-After"}.isdisjoint(answer.headers)
    told: dict[str, Any] = call["validateOnly"]
    assert (told["outcome"], told["waits"]) == ("accepted", None)
    assert "call" not in told
    assert told["policies"][0] == {
        "policy": "velocity.callee",
        "limit": 1,
        "seconds": 60,
        "remaining": 1,
    }
    assert limits(answer)[1]["callee-60"]["r"] == 1
    redis = strict.front.backend.commands.redis
    assert await redis.keys(f"{keys.PREFIX}[^n]*") == []


async def test_a_dry_run_says_why_the_call_would_wait(strict: Rest) -> None:
    dry = {**BODY, "validateOnly": True}
    pauses = Pauses(strict.front.backend.commands)
    await pauses.begin(None, "fire drill", "somebody", now())

    told = (await strict.place(dry)).json["validateOnly"]

    reason = {"code": "paused", "message": "Placing has been paused: fire drill"}
    assert (told["outcome"], told["waits"]) == ("accepted", reason)
    await strict.place()
    click = (await strict.place(dry)).json["validateOnly"]
    assert (click["outcome"], click["waits"]) == ("replayed_double_click", None)
    described = document()["components"]["schemas"]["ValidateOnlyDocument"]
    assert set(described["properties"]) == set(click)
    assert set(described["required"]) == set(told)
    await pauses.end(None)


async def test_a_dry_run_is_refused_as_the_call_would_be(strict: Rest) -> None:
    first = await strict.place()
    click = (await strict.place({**BODY, "validateOnly": True})).json["validateOnly"]
    assert (click["outcome"], click["call"]) == ("replayed_double_click", first.json["id"])

    dry = await strict.place({**OTHER_CALLER, "validateOnly": True})
    real = await strict.place(OTHER_CALLER)

    for answer in (dry, real):
        assert (answer.status, answer.json["policy"]) == (429, "velocity.callee")
    assert set(dry.json) == set(real.json)


async def test_a_dry_run_has_no_idempotency_key(strict: Rest) -> None:
    answer = await strict.place({**BODY, "validateOnly": True}, Idempotency_Key="k")
    assert answer.status == 422
    assert [one["field"] for one in answer.json["errors"]] == ["validateOnly"]


async def test_validate_only_false_is_no_other_request(strict: Rest) -> None:
    first = await strict.place(Idempotency_Key="k")
    again = await strict.place({**BODY, "validateOnly": False}, Idempotency_Key="k")
    assert again.json["id"] == first.json["id"]
    assert await strict.front.backend.store.request(first.json["id"]) == BODY


async def test_while_too_many_callbacks_wait_a_call_is_made_without_one(alone: Settings) -> None:
    secret = SecretStr("whsec_" + base64.b64encode(bytes(32)).decode())
    called_back = {**BODY, "callbackUrl": "https://example.com/hooks"}
    other = {**called_back, "to": {"phoneNumber": "+16505550124"}}
    changed = {"callback_secret": secret, "double_click": 60}
    async with started(alone.model_copy(update=changed)) as rest:
        first = await rest.place(called_back, Idempotency_Key="k")
        redis, index = rest.front.backend.commands.redis, delivery_keys.of_callbacks(HOUSE_OWNER)
        old = {f"old_{at}": now() - 1000 * PENDING_TTL_S - 1000 for at in range(10)}
        await redis.zadd(index, old | {f"evt_{at}": now() for at in range(MOST_CALLBACKS - 1)})
        assert (await rest.place({**other, "validateOnly": True})).status == 200
        await redis.zadd(index, {"evt_last": now()})
        await redis.expire(index, 60)

        again = await rest.place(called_back, Idempotency_Key="k")
        click = await rest.place(called_back, Idempotency_Key="click")
        refused = await rest.place(other, Idempotency_Key="other")
        del other["callbackUrl"]
        plain = await rest.place(other, Idempotency_Key="other")

        assert [again.json["id"], click.json["id"]] == [first.json["id"]] * 2
        assert (refused.status, refused.json["policy"]) == (429, "callbacks.waiting")
        assert refused.json["violated-policies"] == []
        assert refused.headers["Retry-After"] == "60"
        assert plain.status == 202
        assert await _rejections(rest) == {"callbacks.waiting": 1}
        await redis.zrem(index, "evt_last")
        assert (
            await rest.place({**called_back, "to": {"phoneNumber": "+16505550126"}})
        ).status == 202
