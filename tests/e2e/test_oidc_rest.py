"""The provider's tokens over REST."""

import time

import aiohttp

from tests.harness.processes import Fleet
from tests.harness.provider import IdentityProvider, new_key, tampered

CALL = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
PATH = "/restapi/v1.0/account/~/extension/~/ring-out"


async def _asked(
    session: aiohttp.ClientSession, method: str, url: str, token: str | None
) -> tuple[int, dict[str, object]]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = CALL if method == "POST" else None
    async with session.request(method, url, json=body, headers=headers) as answer:
        return answer.status, await answer.json(content_type=None)


async def test_tokens_of_the_provider_over_rest(
    session: aiohttp.ClientSession, fleet: Fleet, provider: IdentityProvider
) -> None:
    fleet.environment |= {"RC_SERVER_URL": "http://127.0.0.1:9", "RINGCENTRAL_API_KEY": "a-key"}
    process = fleet.command("rest", RINGOUT_REST_PORT="0", **provider.environment())
    url = process.line_with("rest listening on").rsplit(" ", 1)[1].rstrip("/") + PATH
    alice = provider.token(scope="calls:create calls:read")
    assert (await _asked(session, "POST", url, None))[0] == 401
    status, made = await _asked(session, "POST", url, alice)
    assert status == 202
    own = f"{url}/{made['id']}"
    assert (await _asked(session, "GET", own, alice))[0] == 200
    assert (await _asked(session, "DELETE", own, alice))[0] == 403
    everything_but_ops = provider.token(scope="calls:create calls:read calls:cancel", sub="bob")
    for method in ("GET", "DELETE"):
        assert (await _asked(session, method, own, everything_but_ops))[0] == 404
    for wrong in (
        provider.token(aud="https://other.example.com"),
        provider.token(iss="https://other.example.com"),
        provider.token(exp=int(time.time()) - 60),
        provider.token(nbf=int(time.time()) + 600),
        provider.token("unknown"),
        provider.token(key=new_key("ES256")),
        tampered(alice),
        alice[: alice.rindex(".") + 1],
    ):
        assert (await _asked(session, "GET", own, wrong))[0] == 401
    printed = "\n".join([*process.lines, *process.errors])
    assert "eyJ" not in printed
    assert "alice" not in printed
