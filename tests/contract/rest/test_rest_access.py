"""Who is let in, over HTTP: keys, tokens in their place, and the console's sessions."""

import asyncio
import base64
from typing import Any

import aiohttp
import pytest
from ringcentral import SDK
from ringcentral.http.api_exception import ApiException

from orchestrator.domain.access import Scope
from orchestrator.domain.tokens import Token
from orchestrator.rest import access, oauth, sessions
from orchestrator.runtime import now
from orchestrator.settings import Settings
from tests.contract.rest.access_kit import CALLS, CREATE, READ, key_of, keys_of, listed
from tests.contract.rest.conftest import BODY, FAILURES, PATHS, Rest, started
from tests.contract.rest.documented import Answer
from tests.harness.api_keys import bearer
from tests.harness.sse import listening
from tests.harness.waiting import wait_until

UNKNOWN = "ringout_live_aaaaaaaaaaaa_" + "x" * 33


def basic(client: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()}


async def token(rest: Rest, key: Token, **form: str) -> Answer:
    form = {"grant_type": "client_credentials", **form}
    headers = basic(key.key, key.secret)
    return await rest.ask("POST", oauth.TOKEN, data=form, headers=headers)


async def test_a_house_without_keys_on_loopback_is_open_until_there_is_one(rest: Rest) -> None:
    assert (await rest.ask("GET", CALLS)).status == 200
    key = await key_of(rest)

    async def is_closed() -> bool:
        return (await rest.ask("GET", CALLS)).status == 401

    await wait_until(is_closed, 2)
    assert (await listed(rest, key.text)).status == 200
    await keys_of(rest).revoke(key.key)
    assert (await rest.ask("GET", CALLS)).status == 401


async def test_the_first_key_is_known_as_soon_as_it_is_shown(rest: Rest) -> None:
    """A call that it made while the house was thought to be open would be nobody's."""
    assert (await rest.ask("GET", CALLS)).status == 200
    key = await key_of(rest, CREATE, READ)
    call = await rest.place(**bearer(key.text))
    assert call.status == 202
    calls = (await listed(rest, key.text)).json["calls"]
    assert [one["id"] for one in calls] == [call.json["id"]]


async def test_nothing_shown_is_told_apart_by_the_challenge_alone(closed: Rest) -> None:
    nothing = await closed.ask("GET", CALLS)
    wrong = await listed(closed, UNKNOWN)
    assert (nothing.status, wrong.status) == (401, 401)
    assert nothing.raw == wrong.raw
    assert nothing.headers["WWW-Authenticate"] == 'Bearer realm="ringout"'
    assert wrong.headers["WWW-Authenticate"] == 'Bearer realm="ringout", error="invalid_token"'


@pytest.mark.parametrize(
    "path", ["/livez", "/readyz", "/", "/docs", "/openapi.json", "/problems/not_found"]
)
async def test_pages_and_probes_need_nothing(closed: Rest, path: str) -> None:
    assert (await closed.ask("GET", path)).status == 200


async def test_all_refusals_are_the_same(alone: Settings) -> None:
    async with started(alone.model_copy(update={"rest_host": "0.0.0.0"})) as rest:  # noqa: S104
        revoked, good = await key_of(rest), await key_of(rest)
        expired = await key_of(rest, expires_at=now() - 1)
        await keys_of(rest).revoke(revoked.key)
        given = (await token(rest, good)).json["access_token"]
        last = "b" if given.endswith("a") else "a"
        shown = [
            bearer(one)
            for one in (
                *(UNKNOWN, revoked.text, expired.text, given[:-1] + last),
                good.text[:-1] + ("b" if good.text.endswith("a") else "a"),
                given.replace("_at_", "_rt_"),
                "eyJhbGciOiJub25lIn0.e30.",
                "x" * 8_000,
            )
        ]
        shown += [basic(good.key, revoked.secret), basic("a", "b"), {"Authorization": "Digest x"}]
        answers = [await rest.ask("GET", CALLS, headers=headers) for headers in shown]
        assert {answer.status for answer in answers} == {401}
        assert len({answer.raw for answer in answers}) == 1
        assert len({answer.headers["WWW-Authenticate"] for answer in answers}) == 1


async def test_basic_takes_the_parts_and_the_whole_key(closed: Rest) -> None:
    key = await key_of(closed)
    for client in (key.key, f"ringout_live_{key.key}"):
        for secret in (key.secret, key.text):
            answer = await closed.ask("GET", CALLS, headers=basic(client, secret))
            assert answer.status == 200


async def test_a_rotated_key_serves_by_both_secrets_for_a_while(closed: Rest) -> None:
    key = await key_of(closed)
    call = (await closed.place(**bearer(key.text))).json["id"]
    session = (await token(closed, key)).json["access_token"]
    newer = await keys_of(closed).rotate(key.key, 60_000)
    assert newer is not None
    for text in (key.text, newer.text, session):
        shown = await closed.ask("GET", f"{PATHS[0]}/{call}", headers=bearer(text))
        assert shown.status == 200
    assert await keys_of(closed).rotate(key.key, 0) is not None
    assert [(await listed(closed, one)).status for one in (key.text, session)] == [401, 401]


@pytest.mark.parametrize(
    ("scope", "method", "path", "needed"),
    [
        (READ, "POST", PATHS[0], "calls:create"),
        (CREATE, "GET", CALLS, "calls:read"),
        (READ, "DELETE", f"{PATHS[0]}/call_01", "calls:cancel"),
        (READ, "GET", "/v1/webhooks", "webhooks"),
        (READ, "GET", "/v1/stats", "ops"),
        (READ, "GET", "/metrics", "ops"),
    ],
)
async def test_a_missing_scope_is_named(
    closed: Rest, scope: Scope, method: str, path: str, needed: str
) -> None:
    key = await key_of(closed, scope)
    more = {"json": BODY} if method == "POST" else {}
    answer = await closed.ask(method, path, headers=bearer(key.text), **more)
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    challenge = f'error="insufficient_scope", scope="{needed}"'
    assert answer.headers["WWW-Authenticate"].endswith(challenge)


async def test_after_too_many_failures_only_what_was_proved_lately_goes_on(closed: Rest) -> None:
    known, other = await key_of(closed), await key_of(closed)
    assert (await listed(closed, known.text)).status == 200
    for _ in range(FAILURES):
        assert (await listed(closed, UNKNOWN)).status == 401
    refused = [await listed(closed, UNKNOWN), await listed(closed, other.text)]
    refused.append(await token(closed, other))
    assert [answer.status for answer in refused] == [429] * 3
    assert refused[0].raw == refused[1].raw
    assert 0 < int(refused[0].headers["Retry-After"]) <= 60
    assert (await listed(closed, known.text)).status == 200
    await keys_of(closed).revoke(known.key)
    assert (await listed(closed, known.text)).status == 401


async def test_without_redis_nobody_is_let_in_and_it_is_told(alone: Settings) -> None:
    away = alone.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    async with started(away) as rest:
        answers = [await rest.ask("GET", CALLS), await listed(rest, UNKNOWN)]
        assert [answer.json["code"] for answer in answers] == ["storage_unavailable"] * 2


async def test_a_stream_of_an_open_house_ends_when_it_closes(
    rest: Rest, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "PROVE_AGAIN_S", 0.1)
    async with listening(session, rest.url + "/v1/events") as stream:
        await rest.ask("POST", PATHS[0], json=BODY)
        assert await stream.next()
        await key_of(rest)
        with pytest.raises(aiohttp.ClientError):
            await stream.rest()


# Tokens


async def test_a_refresh_token_serves_once_and_again_ends_the_grant(closed: Rest) -> None:
    key = await key_of(closed)
    first = (await token(closed, key)).json
    assert (first["token_type"], first["expires_in"], first["owner_id"]) == (
        "bearer",
        3600,
        key.key,
    )
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = (await token(closed, key, **renew)).json
    assert (await listed(closed, second["access_token"])).status == 200
    assert (await listed(closed, first["access_token"])).status == 401
    replayed = await token(closed, key, **renew)
    assert (replayed.status, replayed.json["error"]) == (400, "invalid_grant")
    assert (await listed(closed, second["access_token"])).status == 401


async def test_tokens_are_their_key_s_alone_and_die_with_it(closed: Rest) -> None:
    key, other = await key_of(closed), await key_of(closed)
    given = (await token(closed, key)).json
    renew = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}
    assert (await token(closed, other, **renew)).json["error"] == "invalid_grant"
    assert (await listed(closed, given["access_token"])).status == 200
    await keys_of(closed).revoke(key.key)
    assert (await listed(closed, given["access_token"])).status == 401
    refused = await token(closed, key, **renew)
    assert (refused.status, refused.json["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token"}, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant"),
    ],
)
async def test_a_form_that_is_not_usable_is_told_as_oauth_does(
    closed: Rest, form: dict[str, str], error: str
) -> None:
    answer = await token(closed, await key_of(closed), **form)
    assert (answer.status, answer.json["error"]) == (400, error)
    assert answer.json["errors"][0]["errorCode"].startswith("OAU-")


async def test_a_token_is_no_client(closed: Rest) -> None:
    key = await key_of(closed)
    given = (await token(closed, key)).json["access_token"]
    form = {"grant_type": "client_credentials"}
    for headers in (bearer(given), bearer(UNKNOWN), {}, basic("a", "b")):
        answer = await closed.ask("POST", oauth.TOKEN, data=form, headers=headers)
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")


def make_read_cancel(url: str, key: Token) -> list[Any]:
    platform = SDK(f"ringout_live_{key.key}", key.secret, url).platform()
    platform.login(jwt="any")
    made = platform.post(PATHS[1], BODY).json_dict()
    platform.refresh()
    read = platform.get(f"{PATHS[1]}/{made['id']}").json_dict()
    status = platform.delete(f"{PATHS[1]}/{made['id']}").response().status_code
    spent = platform.auth().access_token()
    platform.logout()
    return [made, read, status, spent]


async def test_ringcentral_s_sdk_works_here_by_another_address_alone(closed: Rest) -> None:
    key = await key_of(closed)
    made, read, status, spent = await asyncio.to_thread(make_read_cancel, closed.url, key)
    assert (read["id"], status) == (made["id"], 202)
    assert (await listed(closed, spent)).status == 401


async def test_ringcentral_s_sdk_understands_a_wrong_secret(closed: Rest) -> None:
    key = await key_of(closed)
    wrong = Token(key.kind, key.key, "x" * 33)
    with pytest.raises(ApiException, match="Invalid client credentials"):
        await asyncio.to_thread(make_read_cancel, closed.url, wrong)


# The console's sessions


async def logged_in(rest: Rest, key: Token) -> str:
    answer = await rest.ask("POST", sessions.PATH, json={"key": key.text})
    assert answer.status == 204
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    return cookie.partition(";")[0]


async def test_a_session_stands_for_its_key_until_it_is_closed(closed: Rest) -> None:
    key = await key_of(closed)
    cookie = {"Cookie": await logged_in(closed, key)}
    shown = await closed.ask("GET", sessions.PATH, headers=cookie)
    assert (shown.json["required"], shown.json["keyId"]) == (True, key.key)
    out = await closed.ask("DELETE", sessions.PATH, headers={**cookie, "Origin": closed.url})
    assert out.status == 204
    assert (await closed.ask("GET", sessions.PATH, headers=cookie)).status == 401


async def test_a_session_dies_with_its_key(closed: Rest) -> None:
    key = await key_of(closed)
    cookie = {"Cookie": await logged_in(closed, key)}
    assert (await closed.ask("GET", CALLS, headers=cookie)).status == 200
    await keys_of(closed).revoke(key.key)
    assert (await closed.ask("GET", CALLS, headers=cookie)).status == 401


async def test_who_logs_out_is_rid_of_a_cookie_that_serves_no_more(closed: Rest) -> None:
    key = await key_of(closed)
    cookies = [await logged_in(closed, key), f"{sessions.COOKIE}=ringout_cs_nonsense"]
    await keys_of(closed).revoke(key.key)
    for cookie in cookies * FAILURES:
        headers = {"Cookie": cookie, "Origin": closed.url}
        out = await closed.ask("DELETE", sessions.PATH, headers=headers)
        assert out.status == 204
        name, *attributes = out.headers["Set-Cookie"].split("; ")
        assert (name, "Max-Age=0" in attributes) == (f'{sessions.COOKIE}=""', True)
    assert (await listed(closed, UNKNOWN)).status == 401, "logging out is no failed attempt"


async def test_who_has_failed_too_often_may_log_out(closed: Rest) -> None:
    key = await key_of(closed)
    cookie = {"Cookie": await logged_in(closed, key)}
    for _ in range(FAILURES):
        await listed(closed, UNKNOWN)
    assert (await listed(closed, UNKNOWN)).status == 429
    out = await closed.ask("DELETE", sessions.PATH, headers={**cookie, "Origin": closed.url})
    assert (out.status, "Set-Cookie" in out.headers) == (204, True)
    assert (await closed.ask("GET", sessions.PATH, headers=cookie)).status == 429


async def test_only_a_page_of_ours_logs_out_and_only_with_a_cookie(closed: Rest) -> None:
    key = await key_of(closed)
    cookie = {"Cookie": await logged_in(closed, key)}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        out = await closed.ask("DELETE", sessions.PATH, headers={**cookie, **headers})
        assert (out.status, "Set-Cookie" in out.headers) == (403, False)
    for headers in ({"Origin": closed.url}, {"Origin": closed.url, **bearer(UNKNOWN), **cookie}):
        out = await closed.ask("DELETE", sessions.PATH, headers=headers)
        assert (out.status, "Set-Cookie" in out.headers) == (401, False)
    assert (await closed.ask("GET", sessions.PATH, headers=cookie)).status == 200


async def test_a_cookie_is_no_bearer_and_a_key_no_cookie(closed: Rest) -> None:
    key = await key_of(closed)
    cookie = await logged_in(closed, key)
    assert (await listed(closed, cookie.partition("=")[2])).status == 401
    key_cookie = {"Cookie": f"{sessions.COOKIE}={key.text}"}
    assert (await closed.ask("GET", CALLS, headers=key_cookie)).status == 401


async def test_a_cookie_changes_nothing_for_pages_of_elsewhere(closed: Rest) -> None:
    cookie = {"Cookie": await logged_in(closed, await key_of(closed))}
    path = PATHS[0]
    for more in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        answer = await closed.ask("POST", path, json=BODY, headers={**cookie, **more})
        assert (answer.status, answer.json["code"]) == (403, "origin_not_allowed")
    for more in ({"Origin": closed.url}, {"Sec-Fetch-Site": "same-origin"}):
        answer = await closed.ask("POST", path, json=BODY, headers={**cookie, **more})
        assert answer.status in (202, 429)


async def test_an_open_house_needs_no_session(rest: Rest) -> None:
    shown = await rest.ask("GET", sessions.PATH)
    assert (shown.status, shown.json["required"]) == (200, False)


@pytest.mark.parametrize("body", [{}, {"key": 1}, {"key": ""}, {"key": "x", "more": 1}, []])
async def test_what_is_no_login_is_told(closed: Rest, body: Any) -> None:
    assert (await closed.ask("POST", sessions.PATH, json=body)).status == 422
