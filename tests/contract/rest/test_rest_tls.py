"""TLS by file, at both front ends: what it serves, what it refuses, and what stops a start."""

import asyncio
import os
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from orchestrator.edge.tls import tls_context
from orchestrator.settings import ConfigurationError, load
from tests.contract.rest.conftest import BODY, PATHS
from tests.harness.certificates import Authority
from tests.harness.processes import Fleet
from tests.harness.redis import RedisServer
from tests.harness.waiting import wait_until

MCP_CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
MCP_HEADERS = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who has signed what the processes show."""
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def over_tls(authority: Authority, shared_redis: RedisServer) -> Iterator[Fleet]:
    """Processes that serve TLS."""
    certificate, key = authority.issued("served")
    fleet = Fleet(
        {
            "REDIS_URL": shared_redis.url,
            "RINGCENTRAL_API_KEY": "a-key",
            "RINGOUT_REST_PORT": "0",
            "RINGOUT_MCP_PORT": "0",
            "RINGOUT_TLS_CERT": str(certificate),
            "RINGOUT_TLS_KEY": str(key),
        }
    )
    yield fleet
    fleet.close()


@pytest.fixture(scope="module")
def rest_url(over_tls: Fleet) -> str:
    """Where REST says that it listens."""
    return over_tls.command("rest").line_with("rest listening on").rsplit(" ", 1)[1]


@pytest.fixture(scope="module")
def mcp_url(over_tls: Fleet) -> str:
    """Where MCP says that it listens."""
    return over_tls.command("mcp").line_with("mcp listening on").rsplit(" ", 1)[1]


def _trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.root))


async def test_rest_is_served_over_tls(
    rest_url: str, authority: Authority, session: aiohttp.ClientSession
) -> None:
    assert rest_url.startswith("https://127.0.0.1:")
    trust = _trusting(authority)

    own = {"Origin": rest_url}
    async with session.post(rest_url + PATHS[0], json=BODY, ssl=trust, headers=own) as answer:
        call = await answer.json()

    assert answer.status == 202
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    assert call["uri"].startswith(rest_url)
    plain = {"Origin": rest_url.replace("https", "http")}
    async with session.get(rest_url + "/v1/calls", ssl=trust, headers=plain) as answer:
        await answer.read()
        assert answer.status == 403


async def test_mcp_is_served_over_tls(
    mcp_url: str, authority: Authority, session: aiohttp.ClientSession
) -> None:
    assert mcp_url.startswith("https://127.0.0.1:")
    trust = _trusting(authority)
    headers = {**MCP_HEADERS, "Origin": mcp_url.removesuffix("/mcp")}

    async with session.post(mcp_url, json=MCP_CALL, ssl=trust, headers=headers) as answer:
        await answer.read()
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")


@pytest.mark.parametrize("which", ["rest_url", "mcp_url"])
def test_only_modern_tls_is_spoken(
    which: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(which).removesuffix("/mcp")
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3

    assert _spoken(url, authority, old, "ECDHE-ECDSA-AES128-GCM-SHA256") == "TLSv1.2"
    assert _spoken(url, authority, new) == "TLSv1.3"
    for cipher in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            _spoken(url, authority, old, cipher)


def _spoken(
    url: str, authority: Authority, version: ssl.TLSVersion, ciphers: str = ""
) -> str | None:
    trust = _trusting(authority)
    trust.minimum_version = trust.maximum_version = version
    if ciphers:
        trust.set_ciphers(ciphers)
    with (
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as secret,
    ):
        secret.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert secret.recv(100).startswith(b"HTTP/1.1 200")
        return secret.version()


@pytest.mark.parametrize("which", ["rest_url", "mcp_url"])
@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 6_000,
        b"\r\n" * 20_000,
    ],
)
def test_what_no_application_sees_is_answered_as_over_tls(
    which: str, sent: bytes, authority: Authority, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(which).removesuffix("/mcp")
    with (
        socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])), 10) as plain,
        _trusting(authority).wrap_socket(plain, server_hostname="127.0.0.1") as secret,
    ):
        secret.sendall(sent)
        status_line, *lines = secret.recv(65_536).decode().split("\r\n")

    assert status_line.split()[1] in ("400", "431")
    assert "strict-transport-security: max-age=31536000" in [line.lower() for line in lines]


async def test_a_client_that_does_not_speak_tls_is_no_error_of_ours(
    rest_url: str, authority: Authority, session: aiohttp.ClientSession
) -> None:
    port = int(rest_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as plain:
        plain.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")

        async with session.get(f"{rest_url}/livez", ssl=_trusting(authority)) as answer:
            await answer.read()
            assert answer.status == 200


def test_a_handshake_is_not_waited_for(rest_url: str) -> None:
    port = int(rest_url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(14)
        try:
            assert silent.recv(1) == b""
        except ConnectionError:
            return


async def test_a_persons_commands_trust_a_private_authority(
    over_tls: Fleet, rest_url: str, authority: Authority
) -> None:
    port = {"RINGOUT_REST_PORT": rest_url.rsplit(":", 1)[1]}

    trusting = over_tls.command("call", "+16505550123", **port, SSL_CERT_FILE=str(authority.root))
    other = over_tls.command("call", "+16505550123", **port)

    await wait_until(lambda: None not in (trusting.code, other.code), 20)
    assert (trusting.terminate(), other.terminate()) == (0, 1), trusting.errors
    assert "certificate" in " ".join(other.errors).lower()


@pytest.mark.parametrize("command", ["rest", "mcp"])
async def test_a_renewed_certificate_is_served(
    fleet: Fleet, authority: Authority, command: str
) -> None:
    certificate, key = authority.issued("renewed")
    more = {"RINGOUT_TLS_CERT": str(certificate), "RINGOUT_TLS_KEY": str(key)}
    ports = {"RINGOUT_REST_PORT": "0", "RINGOUT_MCP_PORT": "0"}
    process = fleet.command(command, RINGCENTRAL_API_KEY="a-key", **ports, **more)
    address = process.line_with("listening on").rsplit("/", 1)[0 if command == "mcp" else -1]
    port = int(address.rsplit(":", 1)[1])

    async def served() -> str:
        return await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", port))

    old = certificate.read_text()
    assert await served() == old
    new_certificate, new_key = authority.issued("newer")
    renewed = new_certificate.read_text()
    new_certificate.replace(certificate)

    async def is_refused() -> bool:
        return any("tls_files_refused" in line for line in process.errors)

    await wait_until(is_refused)
    assert await served() == old
    new_key.replace(key)

    async def is_renewed() -> bool:
        return await served() == renewed

    await wait_until(is_renewed)
    assert process.terminate() == 0


@pytest.fixture
def files(authority: Authority, tmp_path: Path) -> dict[str, str]:
    """Files that are right, and others that are not."""
    certificate, key = authority.issued("right")
    _, other = authority.issued("other")
    _, hidden = authority.issued("hidden", b"a password")
    small, small_key = authority.issued("small", rsa_bits=1024)
    large, large_key = authority.issued("large", rsa_bits=2048)
    text, linked, pipe = tmp_path / "text", tmp_path / "linked", tmp_path / "pipe"
    text.write_text("no PEM")
    linked.symlink_to(pipe)
    os.mkfifo(pipe)
    return {
        "": "",
        "certificate": str(certificate),
        "key": str(key),
        "other": str(other),
        "hidden": str(hidden),
        "small": str(small),
        "small key": str(small_key),
        "large": str(large),
        "large key": str(large_key),
        "pipe": str(pipe),
        "linked": str(linked),
        "text": str(text),
        "missing": str(tmp_path / "missing"),
        "folder": str(tmp_path),
    }


@pytest.mark.parametrize(
    ("certificate", "key", "named", "what"),
    [
        ("certificate", "", "RINGOUT_TLS_KEY", "needs it"),
        ("", "key", "RINGOUT_TLS_CERT", "needs it"),
        ("missing", "key", "RINGOUT_TLS_CERT", "No such file"),
        ("certificate", "missing", "RINGOUT_TLS_KEY", "No such file"),
        ("folder", "key", "RINGOUT_TLS_CERT", "a regular file"),
        ("text", "key", "RINGOUT_TLS_CERT", "not a PEM certificate"),
        ("key", "key", "RINGOUT_TLS_CERT", "not a PEM certificate"),
        ("small", "small key", "RINGOUT_TLS_CERT", "too small"),
        ("certificate", "text", "RINGOUT_TLS_KEY", "not a PEM key"),
        ("certificate", "other", "RINGOUT_TLS_KEY", "not the key of"),
        ("certificate", "large key", "RINGOUT_TLS_KEY", "not the key of"),
        ("large", "key", "RINGOUT_TLS_KEY", "not the key of"),
        ("certificate", "hidden", "RINGOUT_TLS_KEY", "without a password"),
    ],
)
def test_files_that_cannot_be_served_with_are_named(
    files: dict[str, str], certificate: str, key: str, named: str, what: str
) -> None:
    settings = load({"RINGOUT_TLS_CERT": files[certificate], "RINGOUT_TLS_KEY": files[key]})

    with pytest.raises(ConfigurationError, match=rf"^{named}: .*{what}"):
        tls_context(settings)


@pytest.mark.parametrize("command", ["rest", "mcp"])
@pytest.mark.parametrize(
    ("certificate", "key", "named"),
    [
        ("certificate", "other", "RINGOUT_TLS_KEY"),
        ("pipe", "key", "RINGOUT_TLS_CERT"),
        ("certificate", "linked", "RINGOUT_TLS_KEY"),
    ],
)
async def test_a_process_does_not_start_with_them(
    fleet: Fleet, files: dict[str, str], command: str, certificate: str, key: str, named: str
) -> None:
    """Nor does it wait for ever for a pipe to which nobody writes."""
    more = {"RINGOUT_TLS_CERT": files[certificate], "RINGOUT_TLS_KEY": files[key]}

    process = fleet.command(command, RINGCENTRAL_API_KEY="a-key", **more)

    await wait_until(lambda: process.code is not None, 15)
    assert process.terminate() == 2
    assert len(process.errors) == 1
    assert process.errors[0].startswith(f"ringout: {named}: ")


def test_a_link_to_files_that_are_right_is_followed(files: dict[str, str], tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate", tmp_path / "key"
    certificate.symlink_to(files["large"])
    key.symlink_to(files["large key"])
    named = {"RINGOUT_TLS_CERT": str(certificate), "RINGOUT_TLS_KEY": str(key)}

    assert tls_context(load(named)) is not None


def test_plain_http_is_the_default() -> None:
    assert tls_context(load({})) is None
