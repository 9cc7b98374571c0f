"""A record in Redis that cannot be read, a newer version's perhaps, changes no other's answer."""

from typing import Any

import pytest

from orchestrator.domain.access import EVERYTHING, Scope
from orchestrator.domain.tokens import Token
from orchestrator.storage import access_keys, delivery_keys, keys
from tests.contract.rest.conftest import BODY, PATHS, Rest
from tests.contract.rest.documented import Answer
from tests.contract.rest.test_rest_webhooks import made as deliveries
from tests.harness.api_keys import bearer, made

CALLS, HOOKS, PAUSE = "/v1/calls", "/v1/webhooks", "/v1/pause"
USUAL = EVERYTHING - {Scope.OPS}
WRONG = "ringout_live_aaaaaaaaaaaa_" + "x" * 33
STRANGE_KEYS: dict[str, dict[str, Any]] = {
    "no name": {"name": None},
    "no scopes": {"scopes": None},
    "no secrets": {"secrets": None},
    "broken secrets": {"secrets": "[{"},
    "secrets that are none": {"secrets": '[{"hash":5}]'},
    "secrets of other letters": {"secrets": '[{"hash":"\N{LATIN SMALL LETTER E WITH ACUTE}"}]'},
    "deep secrets": {"secrets": "[" * 20_000},
    "no time": {"createdAt": "then"},
    "no end": {"expiresAt": "never"},
    "broken quotas": {"quotas": "1/"},
    "quotas of nothing": {"quotas": "0/0"},
    "bytes": {"name": b"\xff"},
}
STRANGE_WEBHOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "no time": ("webhook", {"createdMs": None}),
    "no number": ("webhook", {"pending": "x"}),
    "nothing but an owner": ("webhook", {"revision": None}),
    "bytes": ("webhook", {"description": b"\xff"}),
    "broken secrets": ("webhook-secret", {"secrets": "[{"}),
    "no URL": ("webhook-secret", {"url": None}),
}


async def key_of(rest: Rest, *scopes: Scope) -> Token:
    return await made(rest.front.backend.commands, scopes or USUAL)


async def ask(rest: Rest, who: Token, method: str, path: str, **options: Any) -> Answer:
    headers = {**bearer(who.text), **options.pop("headers", {})}
    return await rest.ask(method, path, headers=headers, **options)


async def strange(rest: Rest, key: str, changes: dict[str, Any]) -> None:
    """Writes the fields as no process of this version does; None: without them."""
    execute = rest.front.backend.commands.execute
    for name, value in changes.items():
        await (execute("HDEL", key, name) if value is None else execute("HSET", key, name, value))


async def hook_of(rest: Rest, who: Token) -> str:
    answer = await ask(rest, who, "POST", HOOKS, json={"url": "https://example.com/"})
    assert answer.status == 201, answer
    return str(answer.json["id"])


@pytest.mark.parametrize("name", STRANGE_KEYS)
async def test_a_key_that_cannot_be_read_lets_nobody_in(rest: Rest, name: str) -> None:
    bad, good = await key_of(rest), await key_of(rest)
    await strange(rest, access_keys.api_key(bad.key), STRANGE_KEYS[name])
    refused = await ask(rest, bad, "GET", CALLS)
    wrong = await rest.ask("GET", CALLS, headers=bearer(WRONG))
    assert (refused.status, refused.json["detail"]) == (401, wrong.json["detail"])
    assert (await ask(rest, good, "GET", CALLS)).status == 200


async def test_of_a_key_s_scopes_those_that_are_known_serve(rest: Rest) -> None:
    key = await key_of(rest)
    scopes = {"scopes": "calls:read calls:transfer"}
    await strange(rest, access_keys.api_key(key.key), scopes)
    assert (await ask(rest, key, "GET", CALLS)).status == 200
    assert (await ask(rest, key, "GET", HOOKS)).status == 403


async def test_a_session_that_cannot_be_read_is_none(rest: Rest) -> None:
    key = await key_of(rest)
    answer = await rest.ask("POST", "/v1/session", json={"key": key.text})
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    grant = access_keys.grant(cookie.split("_")[-2])
    await strange(rest, grant, {"secret": None})
    asked = await rest.ask("GET", "/v1/session", headers={"Cookie": cookie})
    assert asked.status == 401


@pytest.mark.parametrize("name", STRANGE_WEBHOOKS)
async def test_a_webhook_that_cannot_be_read_is_there_for_nobody_else(
    rest: Rest, name: str
) -> None:
    one, other, ops = await key_of(rest), await key_of(rest), await key_of(rest, *EVERYTHING)
    bad, good, foreign = [await hook_of(rest, who) for who in (one, one, other)]
    kind, changes = STRANGE_WEBHOOKS[name]
    await strange(rest, getattr(delivery_keys, kind.partition("-")[2] or kind)(bad), changes)
    for who, seen in ((one, [good]), (other, [foreign]), (ops, [good, foreign])):
        answer = await ask(rest, who, "GET", HOOKS)
        assert [row["id"] for row in answer.json["webhooks"]] == seen
    never = await ask(rest, other, "GET", f"{HOOKS}/wh_{'0' * 32}")
    for method in ("GET", "DELETE"):
        answer = await ask(rest, other, method, f"{HOOKS}/{bad}")
        assert (answer.status, answer.json["detail"]) == (404, never.json["detail"])
    own = await ask(rest, one, "GET", f"{HOOKS}/{bad}")
    assert (own.status, "cannot be read" in own.json["detail"]) == (404, True)
    assert (await ask(rest, one, "DELETE", f"{HOOKS}/{bad}")).status == 204
    assert (await ask(rest, one, "DELETE", f"{HOOKS}/{bad}")).status == 404
    await hook_of(rest, other)


async def test_a_member_that_is_no_id_keeps_no_webhook_back(rest: Rest) -> None:
    key = await key_of(rest)
    hook = await hook_of(rest, key)
    execute = rest.front.backend.commands.execute
    await execute("ZADD", delivery_keys.WEBHOOKS, 1, b"\xff")
    await execute("ZADD", access_keys.ALL, 1, b"\xff")
    answer = await ask(rest, key, "GET", HOOKS)
    assert [row["id"] for row in answer.json["webhooks"]] == [hook]


@pytest.mark.parametrize("changes", [{"createdMs": None}, {"event": None}, {"attempts": "x"}])
async def test_a_delivery_that_cannot_be_read_is_not_listed(
    rest: Rest, changes: dict[str, Any]
) -> None:
    key = await key_of(rest, *EVERYTHING)
    bad, good = await deliveries(rest, await hook_of(rest, key), 2)
    await strange(rest, delivery_keys.delivery(bad), changes)
    await rest.front.backend.commands.execute("ZADD", delivery_keys.DELIVERIES, 1, b"\xff")
    answer = await ask(rest, key, "GET", "/v1/deliveries")
    assert [row["id"] for row in answer.json["deliveries"]] == [good]
    assert (await ask(rest, key, "GET", f"/v1/deliveries/{bad}")).status == 404
    assert (await ask(rest, key, "POST", f"/v1/deliveries/{bad}/redeliver")).status == 404


async def test_a_count_of_failures_that_is_none_begins_anew(rest: Rest) -> None:
    key, commands = await key_of(rest), rest.front.backend.commands
    where = access_keys.failures("127.0.0.1")
    await commands.execute("SET", where, "abc")
    assert (await ask(rest, key, "GET", CALLS)).status == 200
    assert (await rest.ask("GET", CALLS, headers=bearer(WRONG))).status == 401
    assert (await commands.execute("GET", where), await commands.execute("TTL", where) > 0) == (
        b"1",
        True,
    )


async def test_a_pause_that_cannot_be_read_holds_and_is_shown(rest: Rest) -> None:
    bad, ops = await key_of(rest), await key_of(rest, *EVERYTHING)
    execute = rest.front.backend.commands.execute
    await execute("HSET", keys.PAUSED, f"key:{bad.key}", "nope", b"\xff", "nope", "else", "nope")
    shown = (await ask(rest, ops, "GET", PAUSE)).json
    assert (shown["paused"], [one["key"] for one in shown["keys"]]) == (False, [bad.key])
    assert "cannot be read" in shown["keys"][0]["reason"]
    dry = {"X-Dry-Run": "true"}
    for who in (bad, ops):
        assert (await rest.place(BODY, **bearer(who.text), **dry)).status in (200, 202)
    assert (await ask(rest, ops, "DELETE", f"{PAUSE}?key={bad.key}")).json["keys"] == []
    await execute("HSET", keys.PAUSED, "house", "{")
    shown = (await ask(rest, ops, "GET", PAUSE)).json
    assert (shown["paused"], "cannot be read" in shown["house"]["reason"]) == (True, True)


@pytest.mark.parametrize("changes", [{"sequence": "x"}, {"state": "parked"}, {"document": "{"}])
async def test_a_call_that_cannot_be_read_is_in_no_list(
    rest: Rest, changes: dict[str, Any]
) -> None:
    one, ops = await key_of(rest), await key_of(rest, *EVERYTHING)
    bad, good = [
        (await rest.place({**BODY, "to": {"phoneNumber": to}}, **bearer(one.text))).json["id"]
        for to in ("+16505550123", "+16505550124")
    ]
    await strange(rest, keys.call(bad), changes)
    await rest.front.backend.commands.execute("ZADD", keys.CALLS, 1, b"\xff")
    for who in (one, ops):
        answer = await ask(rest, who, "GET", CALLS)
        assert [call["id"] for call in answer.json["calls"]] == [good]
    other = await key_of(rest)
    assert (await ask(rest, other, "GET", f"{PATHS[0]}/{bad}")).status == 404
