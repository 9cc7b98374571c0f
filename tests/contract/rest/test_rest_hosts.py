"""Whom REST answers: under which names, to pages of which origins, and behind which proxies."""

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from orchestrator.edge.addresses import Proxies, authority, origin_of
from orchestrator.edge.rules import rules
from orchestrator.rest import sessions
from orchestrator.rest.asker import address_of, is_https
from orchestrator.rest.edge import Edge
from orchestrator.rest.openapi import document
from orchestrator.settings import Settings
from tests.contract.rest.access_kit import key_of
from tests.contract.rest.conftest import BODY, PATHS, Rest, started
from tests.contract.rest.documented import named_headers

PUBLIC = "https://ringout.example.com"
CRM = "https://crm.example.com"
UNEXPOSED = {"Cache-Control", "Validation-Token"}
"""Every page may read the one; the other is for RingCentral alone."""


@pytest.fixture
async def named(alone: Settings) -> AsyncIterator[Rest]:
    """A front end with a public name, further names, an origin and a proxy that it knows."""
    settings = alone.model_copy(
        update={
            "public_url": f"{PUBLIC}/phone",
            "allowed_hosts": "calls.internal,calls:8443,plain:80",
            "allowed_origins": f"{CRM},http://localhost:3000",
            "trusted_proxies": "127.0.0.0/8",
        }
    )
    edge = Edge(rules(settings, settings.rest_host, public_url=settings.public_url or ""))
    async with started(settings, web.get("/whoami", _whoami), edge=edge) as running:
        yield running


async def _whoami(request: web.Request) -> web.Response:
    return web.json_response([address_of(request), is_https(request)])


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3:8080",
        "[::1]",
        "[fd00::7]:8080",
        "localhost",
        "LocalHost:3000",
        "localhost.",
        "ringout.example.com",
        "ringout.example.com:9000",
        "calls.internal",
        "calls.internal:1",
        "calls:8443",
        "plain:80",
        "plain",
    ],
)
async def test_own_names_are_answered(named: Rest, host: str) -> None:
    assert (await named.ask("GET", "/v1/calls", headers={"Host": host})).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil-ringout.example.com",
        "ringout.example.com.evil.example",
        "calls",
        "calls:8080",
        "plain:81",
        "2130706433",
        "127.1",
        "0x7f.0.0.1",
    ],
)
async def test_other_names_are_not(named: Rest, host: str) -> None:
    for method, path in (("GET", "/"), ("GET", "/v1/calls"), ("POST", PATHS[0])):
        body = BODY if method == "POST" else None
        answer = await named.ask(method, path, headers={"Host": host}, json=body)

        assert (answer.status, answer.json["code"]) == (421, "misdirected_request")
        assert host not in answer.raw.decode()
    assert await named.front.backend.commands.redis.dbsize() == 0


@pytest.mark.parametrize("host", ["", "a b", "a/b", "user@localhost", "localhost:99999", "[::1"])
async def test_what_is_no_host_is_malformed(named: Rest, host: str) -> None:
    answer = await named.ask("GET", "/v1/calls", headers={"Host": host})

    assert (answer.status, answer.json["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_probe_comes_under_any_name(named: Rest, path: str) -> None:
    assert (await named.ask("GET", path, headers={"Host": "pod-7.evil"})).status == 200
    assert (await named.ask("GET", "/metrics", headers={"Host": "pod-7.evil"})).status == 421


@pytest.mark.parametrize(
    ("host", "origin", "more"),
    [
        ("localhost:8080", "http://localhost:8080", {}),
        ("localhost", "http://localhost", {}),
        ("localhost:80", "http://localhost", {}),
        ("[::1]:8080", "http://[::1]:8080", {}),
        ("10.0.0.7:8080", "http://10.0.0.7:8080", {}),
        ("localhost:8080", PUBLIC, {}),
        ("calls.internal", "https://calls.internal", {"X-Forwarded-Proto": "https"}),
    ],
)
async def test_own_pages_may_ask(named: Rest, host: str, origin: str, more: dict[str, str]) -> None:
    headers = {"Host": host, "Origin": origin, **more}

    answer = await named.ask("GET", "/v1/calls", headers=headers)

    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


async def _logged_in(rest: Rest, **headers: str) -> tuple[str, set[str]]:
    """A session's cookie, and what it is set with."""
    key = await key_of(rest)
    answer = await rest.ask("POST", sessions.PATH, json={"key": key.text}, headers=headers)
    assert answer.status == 204
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    return cookie, set(attributes)


async def test_the_console_under_the_public_url_may_change_something(named: Rest) -> None:
    """The proxy that speaks TLS need not be one that is trusted."""
    page = {"Host": "ringout.example.com", "Origin": PUBLIC}
    cookie, attributes = await _logged_in(named, **page)
    headers = {**page, "Cookie": cookie}
    assert "Secure" in attributes
    assert (await named.ask("POST", PATHS[0], json=BODY, headers=headers)).status == 202
    out = await named.ask("DELETE", sessions.PATH, headers=headers)
    assert (out.status, "Secure" in out.headers["Set-Cookie"]) == (204, True)
    assert (await named.ask("GET", sessions.PATH, headers=headers)).status == 401


async def test_pages_of_elsewhere_that_may_ask_may_not_do_so_with_a_cookie(named: Rest) -> None:
    cookie, attributes = await _logged_in(named, Origin=named.url)
    assert "Secure" not in attributes
    answer = await named.ask("POST", PATHS[0], json=BODY, headers={"Origin": CRM, "Cookie": cookie})
    assert (answer.status, answer.json["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "http://localhost:8081",
        "https://localhost:8080",
        "http://127.0.0.1:8080",
        f"{CRM}.evil.example",
        f"{CRM}:8443",
        "http://crm.example.com",
        f"{PUBLIC}.evil.example",
        "",
        "localhost:8080",
        "http://localhost:8080/",
        "http://localhost:8080@evil.example",
        "chrome-extension://abcdef",
    ],
)
async def test_other_pages_may_not(named: Rest, origin: str) -> None:
    for method, path in (("GET", "/v1/calls"), ("POST", PATHS[0]), ("OPTIONS", PATHS[0])):
        body = BODY if method == "POST" else None
        headers = {"Host": "localhost:8080", "Origin": origin}
        answer = await named.ask(method, path, headers=headers, json=body)

        assert (answer.status, answer.json["code"]) == (403, "origin_not_allowed")
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert await named.front.backend.commands.redis.dbsize() == 0


async def test_two_origins_are_none(named: Rest) -> None:
    headers = [("Host", "localhost"), ("Origin", "http://localhost"), ("Origin", CRM)]

    answer = await named.ask("GET", "/v1/calls", headers=headers)

    assert (answer.status, answer.json["code"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_link_from_elsewhere_leads_to_the_pages(named: Rest, path: str) -> None:
    headers = {"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert (await named.ask("GET", path, headers=headers)).status == 200


@pytest.mark.parametrize("origin", [CRM, "http://localhost:3000"])
async def test_an_allowed_page_may_ask_and_read_the_answer(named: Rest, origin: str) -> None:
    headers = {"Host": "localhost:8080", "Origin": origin}
    preflight = {
        **headers,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }

    may = await named.ask("OPTIONS", PATHS[0], headers=preflight)
    answer = await named.ask("POST", PATHS[0], headers=headers, json=BODY)

    assert may.status == 204
    assert "POST" in may.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in may.headers["Access-Control-Allow-Headers"]
    assert answer.status == 202
    for one in (may, answer):
        assert one.headers["Access-Control-Allow-Origin"] == origin
        assert one.headers["Vary"] == "Origin"
        assert "Access-Control-Allow-Credentials" not in one.headers
        assert one.headers["Server"] == "ringout"
        assert one.headers["X-Content-Type-Options"] == "nosniff"
        assert one.headers["Referrer-Policy"] == "no-referrer"
        assert one.headers["Cache-Control"] == "no-store"
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert set(exposed) | UNEXPOSED == named_headers(document()["paths"])


async def test_an_allowed_page_reads_problems_and_streams_too(named: Rest) -> None:
    headers = {"Host": "localhost:8080", "Origin": CRM}

    missing = await named.ask("GET", f"{PATHS[0]}/call_x/events", headers=headers)

    assert missing.status == 404
    assert missing.headers["Access-Control-Allow-Origin"] == CRM


async def test_a_trusted_proxy_says_who_asks(named: Rest) -> None:
    async def who(**headers: str) -> list[object]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await named.ask("GET", "/whoami", headers=sent)
        told: list[object] = answer.json
        return told

    named.documented.outside = {"/whoami"}
    assert await who() == ["127.0.0.1", False]
    assert await who(X_Forwarded_For="203.0.113.9") == ["203.0.113.9", False]
    assert await who(X_Forwarded_For="6.6.6.6, 203.0.113.9") == ["203.0.113.9", False]
    assert await who(X_Forwarded_Proto="https") == ["127.0.0.1", True]
    assert await who(X_Forwarded_Proto="https, http") == ["127.0.0.1", False]


async def test_nobody_else_says_who_asks(alone: Settings) -> None:
    async with started(alone, web.get("/whoami", _whoami)) as rest:
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        rest.documented.outside = {"/whoami"}

        answer = await rest.ask("GET", "/whoami", headers=headers)

        assert answer.json == ["127.0.0.1", False]


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2, 10.0.0.3"], "203.0.113.9"),
        ("10.0.0.1", ["10.0.0.9, 10.0.0.2"], "10.0.0.9"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("10.0.0.1", ["[2001:db8::9]:4711"], "2001:db8::9"),
        ("10.0.0.1", ["2001:db8::9"], "2001:db8::9"),
        ("10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["203.0.113.9,"], "10.0.0.1"),
        ("10.0.0.1", ["<script>"], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("fd00::1", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.9, 10.0.0.1"], "192.0.2.1"),
        ("", ["203.0.113.9"], ""),
    ],
)
def test_the_nearest_address_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert Proxies("10.0.0.0/8,fd00::1").client(peer, forwarded) == client


@pytest.mark.parametrize(
    "networks",
    [
        "::ffff:10.0.0.1",
        "::ffff:10.0.0.0/104",
        "::ffff:a00:0/104",
        "::ffff:0:0/96",
        "10.0.0.1,::ffff:192.0.2.0/120",
    ],
)
def test_a_proxy_may_be_written_as_ipv6_maps_it(networks: str) -> None:
    for peer in ("10.0.0.1", "::ffff:10.0.0.1"):
        assert Proxies(networks).client(peer, ["203.0.113.9"]) == "203.0.113.9"


def test_what_ipv6_maps_is_trusted_no_further_than_it_is_written() -> None:
    assert Proxies("::ffff:10.0.0.0/104").client("11.0.0.1", ["203.0.113.9"]) == "11.0.0.1"
    assert Proxies("fd00::/8").client("10.0.0.1", ["203.0.113.9"]) == "10.0.0.1"


def test_authorities_and_origins() -> None:
    at = authority("[FD00::1]:80")
    assert at is not None
    assert (at.host, at.port, at.is_address) == ("fd00::1", 80, True)
    assert authority("[fd00::zz]") is None
    assert authority("[...]") is None
    assert authority("a..b:") is None
    assert origin_of("HTTPS://Example.com:443/a") == "https://example.com"
    assert origin_of("https://example.com:8443") == "https://example.com:8443"
    assert origin_of("example.com") is None
    assert origin_of("file:///etc/passwd") is None
