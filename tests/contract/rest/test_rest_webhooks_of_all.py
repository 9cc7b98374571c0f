"""A webhook that hears of every call, in the hands of its owner who shows a token without `ops`."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator.settings import Settings
from tests.contract.rest.conftest import BODY, PATHS, Rest, started
from tests.contract.rest.documented import Answer
from tests.harness.api_keys import bearer
from tests.harness.owners import House
from tests.harness.provider import AUDIENCE, IdentityProvider
from tests.harness.waiting import wait_until

URL = "https://example.com/hook"
USUAL = "calls:create calls:read webhooks"


@pytest.fixture
async def rest(alone: Settings, provider: IdentityProvider) -> AsyncIterator[Rest]:
    """A front end that takes the provider's tokens."""
    told = {"oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE}
    async with started(alone.model_copy(update=told)) as running:
        yield running


@pytest.fixture
def eve(provider: IdentityProvider) -> dict[str, str]:
    """Her token with all rights."""
    return bearer(provider.token(sub="eve"))


@pytest.fixture
def low(provider: IdentityProvider) -> dict[str, str]:
    """Her token for an agent, without `ops`."""
    return bearer(provider.token(sub="eve", scope=USUAL))


@pytest.fixture
def bob(provider: IdentityProvider) -> dict[str, str]:
    """Somebody else's token."""
    return bearer(provider.token(sub="bob", scope=USUAL))


async def made(rest: Rest, who: dict[str, str]) -> str:
    """The path of a new webhook."""
    answer = await rest.ask("POST", "/v1/webhooks", json={"url": URL}, headers=who)
    assert answer.status == 201, answer
    return f"/v1/webhooks/{answer.json['id']}"


async def called(rest: Rest, who: dict[str, str]) -> str:
    """A new call."""
    answer = await rest.ask("POST", PATHS[0], json=BODY, headers=who)
    assert answer.status == 202, answer
    return str(answer.json["id"])


def refused(answer: Answer) -> None:
    """As every request is refused whose credentials have not that scope."""
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope"), answer
    assert 'scope="ops"' in answer.headers["WWW-Authenticate"]


STEERING = [
    ("PATCH", "", {"url": "https://mine.example.com/"}),
    ("PATCH", "", {"enabled": False}),
    ("POST", "/rotate-secret", {}),
    ("POST", "/test", None),
    ("POST", "/redeliver", {"since": "2026-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize(("method", "end", "body"), STEERING)
async def test_without_ops_it_is_not_steered(
    rest: Rest, eve: dict[str, str], low: dict[str, str], method: str, end: str, body: Any
) -> None:
    path = await made(rest, eve)
    audit = await rest.front.forgetter.audit.newest(10)
    before = await rest.ask("GET", path, headers=low)
    refused(await rest.ask(method, path + end, json=body, headers=low))
    assert before.status == 200
    assert (await rest.ask("GET", path, headers=low)).json == before.json
    assert await rest.front.forgetter.audit.newest(10) == audit
    assert (await rest.ask(method, path + end, json=body, headers=eve)).status < 300


@pytest.mark.parametrize(("method", "end", "body"), STEERING)
async def test_one_s_own_that_hears_of_one_s_own_calls_is(
    rest: Rest, low: dict[str, str], method: str, end: str, body: Any
) -> None:
    path = await made(rest, low)
    assert (await rest.ask(method, path + end, json=body, headers=low)).status < 300


async def test_without_ops_it_is_read_and_deleted(
    rest: Rest, eve: dict[str, str], low: dict[str, str], bob: dict[str, str]
) -> None:
    path = await made(rest, eve)
    assert [path.endswith(one["id"]) for one in (await all_of(rest, low))] == [True]
    assert (await rest.ask("DELETE", path, headers=bob)).status == 404
    assert (await rest.ask("DELETE", path, headers=low)).status == 204
    assert await all_of(rest, eve) == []


async def all_of(rest: Rest, who: dict[str, str]) -> list[dict[str, Any]]:
    """The webhooks that are there for somebody."""
    listed: list[dict[str, Any]] = (await rest.ask("GET", "/v1/webhooks", headers=who)).json[
        "webhooks"
    ]
    return listed


async def test_its_deliveries_tell_nothing_of_others_calls_without_ops(
    rest: Rest, eve: dict[str, str], low: dict[str, str], bob: dict[str, str]
) -> None:
    path = await made(rest, eve)
    theirs, own = await called(rest, bob), await called(rest, low)

    async def seen(who: dict[str, str], where: str) -> dict[str, str]:
        answer = await rest.ask("GET", f"{where}?limit=200", headers=who)
        return {one["call"]: one["id"] for one in answer.json["deliveries"]}

    async def both() -> dict[str, str] | None:
        found = await seen(eve, "/v1/deliveries")
        return found if len(found) == 2 else None

    async with House(rest.front).dispatched():
        known = await wait_until(both)
    assert set(known) == {theirs, own}
    for where in ("/v1/deliveries", f"{path}/deliveries"):
        assert await seen(low, where) == {own: known[own]}
        assert await seen(bob, "/v1/deliveries") == {}
    other, mine = f"/v1/deliveries/{known[theirs]}", f"/v1/deliveries/{known[own]}"
    for method, at in (("GET", other), ("POST", f"{other}/redeliver")):
        assert (await rest.ask(method, at, headers=low)).status == 404
    assert (await rest.ask("GET", mine, headers=low)).status == 200
    refused(await rest.ask("POST", f"{mine}/redeliver", headers=low))
    for one in (other, mine):
        assert (await rest.ask("POST", f"{one}/redeliver", headers=eve)).status == 202
