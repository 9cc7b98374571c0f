"""A key that is revoked serves no more: not for what is under way, not for what it has open."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from orchestrator.domain.access import Scope
from orchestrator.edge import rules
from orchestrator.identity import issuer, keyring
from orchestrator.rest import access
from orchestrator.rest.edge import Edge
from orchestrator.settings import Settings
from tests.contract.rest.access_kit import CREATE, key_of, keys_of, listed
from tests.contract.rest.conftest import BODY, FAILURES, PATHS, Rest, started
from tests.harness.api_keys import bearer
from tests.harness.provider import AUDIENCE, JWKS, IdentityProvider
from tests.harness.raw import answered, connected
from tests.harness.sse import listening
from tests.harness.waiting import wait_until


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("POST", PATHS[0], BODY), ("PUT", "/v1/pause", {"reason": "x"})],
)
async def test_what_is_revoked_while_a_body_comes_serves_no_more(
    alone: Settings, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: Any
) -> None:
    monkeypatch.setattr(rules, "PROVED_FOR_S", 0.0)
    async with started(alone, edge=Edge(most=1)) as rest:
        key, other = await key_of(rest, Scope.OPS, CREATE), await key_of(rest, Scope.OPS)
        text = json.dumps(body)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {key.text}\r\nContent-Length: {len(text)}\r\n\r\n"
        )

        async def is_proved() -> bool:
            return key.key in await keys_of(rest).last_used()

        async def is_awaited() -> bool:
            return (await listed(rest, other.text)).status == 200

        async with connected(rest.url) as (reader, writer), asyncio.timeout(8):
            writer.write(head.encode())
            await wait_until(is_proved)
            await wait_until(is_awaited)
            await keys_of(rest).revoke(key.key)
            writer.write(text.encode())
            reply = await answered(reader)

        assert (reply.status, reply.json["code"]) == (401, "unauthenticated")
        assert (await listed(rest, other.text)).json["calls"] == []
        paused = await rest.ask("GET", "/v1/pause", headers=bearer(other.text))
        assert paused.json["house"] is None


@pytest.mark.parametrize("tries", [0, 2 * FAILURES], ids=["left", "goes on to be tried"])
async def test_a_stream_ends_when_its_key_is_revoked(
    closed: Rest, monkeypatch: pytest.MonkeyPatch, tries: int
) -> None:
    monkeypatch.setattr(access, "PROVE_AGAIN_S", 0.1)
    key = await key_of(closed)
    async with (
        aiohttp.ClientSession(headers=bearer(key.text)) as session,
        listening(session, closed.url + "/v1/events") as stream,
    ):
        await keys_of(closed).revoke(key.key)
        tried = [(await listed(closed, key.text)).status for _ in range(tries)]
        assert tried[-1:] == [429] * bool(tries)
        with pytest.raises(aiohttp.ClientError):
            await stream.next()


async def test_a_stream_ends_when_the_provider_s_keys_were_out_of_reach_too_long(
    alone: Settings, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "PROVE_AGAIN_S", 0.1)
    monkeypatch.setattr(issuer, "_REMEMBERED_MS", 0)
    provider.caching = "max-age=300"
    monkeypatch.setattr(keyring, "_GRACE_MS", 2_000 - 300_000)
    told = {"oidc_issuer": provider.issuer, "oidc_audience": AUDIENCE}
    async with (
        started(alone.model_copy(update=told)) as rest,
        aiohttp.ClientSession(headers=bearer(provider.token())) as session,
        listening(session, rest.url + "/v1/events") as stream,
    ):
        provider.answers[JWKS] = web.Response(status=500)
        with pytest.raises(aiohttp.ClientError):
            await stream.next()
