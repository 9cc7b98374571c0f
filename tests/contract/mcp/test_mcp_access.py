"""Credentials before everything else."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import aiohttp

from orchestrator.domain.access import Scope
from orchestrator.edge.rules import PROVED_FOR_S
from orchestrator.storage.api_keys import ApiKeys
from tests.contract.mcp.access_kit import (
    CALLS,
    HEADERS,
    LISTED,
    MAKE,
    METADATA,
    STATUS,
    Enter,
    House,
    new_key,
    post,
)
from tests.contract.mcp.conftest import BODY, ENVIRONMENT, address, call_of, refusal_of
from tests.harness import provider as provider_keys
from tests.harness.processes import Fleet
from tests.harness.provider import IdentityProvider, provided
from tests.harness.proxy import proxied
from tests.harness.waiting import wait_until


async def test_without_credentials_there_is_a_challenge(
    session: aiohttp.ClientSession, house: House
) -> None:
    status, headers, body = await post(session, house.url, None)
    assert status == 401
    challenge = headers["WWW-Authenticate"]
    assert challenge.startswith(f'Bearer resource_metadata="{house.origin}{METADATA}/mcp"')
    assert "error=" not in challenge
    assert f'scope="{CALLS}"' in challenge
    assert headers["Cache-Control"] == "no-store"
    assert body["error"] == "unauthenticated"
    assert (await post(session, house.url, house.one))[0] == 200


async def test_wrong_credentials_are_all_answered_alike(
    session: aiohttp.ClientSession, house: House
) -> None:
    tampered = house.one[:-1] + ("A" if house.one[-1] != "A" else "B")
    unknown = "ringout_live_" + "a" * 12 + "_" + "A" * 33
    seen = set()
    for token in (tampered, unknown, "x", "", "a.b.c", house.one + "x", house.one.upper()):
        status, headers, body = await post(session, house.url, token)
        assert status == 401, token
        assert 'error="invalid_token"' in headers["WWW-Authenticate"]
        seen.add((headers["WWW-Authenticate"], json.dumps(body)))
    assert len(seen) == 1
    for value in (f"Basic {house.one}", house.one, f"Digest {house.one}"):
        async with session.post(
            house.url, json=LISTED, headers={**HEADERS, "Authorization": value}
        ) as answer:
            assert answer.status == 401
    usual = list(HEADERS.items())
    twice = [("Authorization", f"Bearer {house.one}")] * 2
    async with session.post(house.url, json=LISTED, headers=[*usual, *twice]) as answer:
        assert answer.status == 401
    query = f"{house.url}?access_token={house.one}"
    assert (await post(session, query, None))[0] == 401


async def test_nothing_is_read_before_who_asks_is_known(
    session: aiohttp.ClientSession, house: House
) -> None:
    async def never() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        async with session.post(house.url, data=never(), headers=HEADERS) as answer:
            assert answer.status == 401


async def test_what_is_revoked_while_a_body_comes_serves_no_more(
    session: aiohttp.ClientSession, house: House
) -> None:
    key = house.one.split("_")[2]

    async def is_proved() -> bool:
        return key in await house.keys.last_used()

    async def late() -> AsyncIterator[bytes]:
        yield b" "
        await wait_until(is_proved)
        assert await house.keys.revoke(key)
        revoked_at = time.monotonic()
        await wait_until(lambda: time.monotonic() - revoked_at > 2 * PROVED_FOR_S)
        yield json.dumps(LISTED).encode()

    shown = {**HEADERS, "Authorization": f"Bearer {house.one}"}
    async with session.post(house.url, data=late(), headers=shown) as answer:
        assert answer.status == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


async def test_other_paths_and_methods_need_credentials_too(
    session: aiohttp.ClientSession, house: House
) -> None:
    for path in ("/mcp", "/metrics", "/", "/mcp/", "/livez/", "//livez", "/.well-known/x"):
        for method in ("GET", "DELETE"):
            async with session.request(method, house.origin + path) as answer:
                assert answer.status == 401, (method, path)
    for path in ("/livez", "/readyz"):
        async with session.get(house.origin + path) as answer:
            assert answer.status == 200


async def test_metrics_are_for_who_runs_the_house(
    session: aiohttp.ClientSession, house: House
) -> None:
    ops = await new_key(house.keys, Scope.OPS)
    for token, expected in ((house.one, 403), (ops, 200)):
        async with session.get(
            f"{house.origin}/metrics", headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            assert answer.status == expected
            if expected == 403:
                assert 'scope="ops"' in answer.headers["WWW-Authenticate"]


async def test_the_document_tells_where_tokens_are_to_be_had(
    session: aiohttp.ClientSession, api_keys: ApiKeys, fleet: Fleet
) -> None:
    issuer = "https://login.example.com"
    plain = address(fleet.command("mcp", **ENVIRONMENT)).removesuffix("/mcp")
    process = fleet.command(
        "mcp",
        **ENVIRONMENT,
        RINGOUT_OIDC_ISSUER=issuer,
        RINGOUT_OIDC_AUDIENCE="https://mcp.example.com",
        RINGOUT_MCP_PUBLIC_URL="https://mcp.example.com",
    )
    provided_for = address(process).removesuffix("/mcp")
    for path in (METADATA, f"{METADATA}/mcp"):
        async with session.get(plain + path) as answer:
            assert answer.status == 200
            document = await answer.json()
        assert document["resource"] == f"{plain}/mcp"
        assert "authorization_servers" not in document
        async with session.get(provided_for + path) as answer:
            assert answer.content_type == "application/json"
            document = await answer.json()
        assert document["resource"] == "https://mcp.example.com/mcp"
        assert document["authorization_servers"] == [issuer]
        assert document["bearer_methods_supported"] == ["header"]
        assert document["scopes_supported"] == CALLS.split()
    _, headers, _ = await post(session, f"{provided_for}/mcp", None)
    assert f'"https://mcp.example.com{METADATA}/mcp"' in headers["WWW-Authenticate"]


async def test_too_many_failures(
    session: aiohttp.ClientSession, api_keys: ApiKeys, fleet: Fleet
) -> None:
    await new_key(api_keys, Scope.READ)
    url = address(fleet.command("mcp", **ENVIRONMENT, RINGOUT_AUTH_FAILURES="3"))
    for _ in range(3):
        assert (await post(session, url, "wrong"))[0] == 401
    status, headers, body = await post(session, url, "wrong")
    assert status == 429
    assert 1 <= int(headers["Retry-After"]) <= 60
    assert body["error"] == "too_many_failures"


async def test_redis_away_is_no_refusal(
    session: aiohttp.ClientSession, api_keys: ApiKeys, redis_url: str, fleet: Fleet
) -> None:
    token = await new_key(api_keys, Scope.READ)
    async with proxied(redis_url) as proxy:
        url = address(fleet.command("mcp", **{**ENVIRONMENT, "REDIS_URL": proxy.url}))
        assert (await post(session, url, token))[0] == 200
        proxy.hold_requests_with("HGETALL")
        status, headers, body = await post(session, url, token)
        assert (status, body["error"]) == (503, "storage_unavailable")
        assert int(headers["Retry-After"]) >= 1


async def test_tokens_of_the_provider(
    session: aiohttp.ClientSession, fleet: Fleet, provider: IdentityProvider, enter: Enter
) -> None:
    process = fleet.command("mcp", **ENVIRONMENT, **provider.environment())
    url = address(process)
    assert (await post(session, url, None))[0] == 401, "not open, though there is no key"
    alice = await enter(url, provider.token(scope=CALLS))
    bob = await enter(url, provider.token(scope="calls:read", sub="bob"))
    made = call_of(await alice.call_tool(MAKE, {"body": BODY}))
    said = refusal_of(await bob.call_tool(STATUS, {"ringoutId": made["id"]}))
    assert said.startswith("call_not_found")
    assert refusal_of(await bob.call_tool(MAKE, {"body": BODY})).startswith("insufficient_scope")
    for wrong in (
        provider.token(aud="https://other.example.com"),
        provider.token(iss="https://other.example.com"),
        provider.token(exp=int(time.time()) - 60),
        provider.token(key=provider_keys.new_key("ES256")),
    ):
        status, headers, _ = await post(session, url, wrong)
        assert status == 401
        assert 'error="invalid_token"' in headers["WWW-Authenticate"]
    printed = "\n".join([*process.lines, *process.errors])
    assert "eyJ" not in printed
    assert "alice" not in printed


async def test_a_provider_that_is_away_is_no_refusal(
    session: aiohttp.ClientSession, fleet: Fleet
) -> None:
    async with provided() as gone:
        token = gone.token()
    url = address(fleet.command("mcp", **ENVIRONMENT, **gone.environment()))
    status, headers, body = await post(session, url, token)
    assert (status, body["error"]) == (503, "identity_unavailable")
    assert "Retry-After" in headers


async def test_it_does_not_listen_to_others_without_a_key(
    api_keys: ApiKeys, fleet: Fleet, session: aiohttp.ClientSession
) -> None:
    open_to_all = {**ENVIRONMENT, "RINGOUT_MCP_HOST": "0.0.0.0"}  # noqa: S104 (to be refused)
    process = fleet.command("mcp", **open_to_all)
    await wait_until(lambda: process.code is not None, 20)
    assert process.code == 2
    assert "RINGOUT_MCP_HOST" in "\n".join(process.errors)
    token = await new_key(api_keys, Scope.READ)
    process = fleet.command("mcp", **open_to_all)
    port = address(process).rsplit(":", 1)[1]
    assert (await post(session, f"http://127.0.0.1:{port}", None))[0] == 401
    assert (await post(session, f"http://127.0.0.1:{port}", token))[0] == 200
