"""One attempt: what is sent, where it may go, and what its answer amounts to."""

import asyncio
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from orchestrator.delivery.sender import Attempt
from orchestrator.delivery.targets import Targets
from tests.harness.liars import SIGNED, answering, counted, sent, served, silent
from tests.harness.redis import free_port


async def test_a_request_is_as_the_specification_says() -> None:
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b'{"a":1}'))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with served(serve) as url:
        assert await sent(url) == Attempt(None, 204)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    assert lines[0] == "POST /hook?key=secret HTTP/1.1"
    assert body == b'{"a":1}'
    assert headers | SIGNED == headers
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == "Tests/1"
    assert headers["content-length"] == "7"
    assert not {"authorization", "cookie", "expect"} & set(headers)


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_any_2xx_is_a_yes(code: int) -> None:
    async with served(answering(f"HTTP/1.1 {code} X\nContent-Length: 0\n\n")) as url:
        assert await sent(url) == Attempt(None, code)


@pytest.mark.parametrize("code", [400, 401, 404, 409, 410, 429, 500, 503])
async def test_another_status_is_a_no(code: int) -> None:
    async with served(answering(f"HTTP/1.1 {code} X\nContent-Length: 0\n\n")) as url:
        attempt = await sent(url)
    assert attempt.failure is not None
    assert (attempt.failure.code, attempt.status) == ("status", code)
    assert str(code) in attempt.failure.message
    assert attempt.is_gone is (code == 410)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(code: int) -> None:
    connections = 0
    port = free_port()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        there = f"http://127.0.0.1:{port}/metadata"
        await answering(f"HTTP/1.1 {code} X\nLocation: {there}\nContent-Length: 0\n\n")(
            reader, writer
        )

    followed: list[bool] = []

    async def inside(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        followed.append(True)

    target = await asyncio.start_server(inside, "127.0.0.1", port)
    async with served(serve) as url:
        attempt = await sent(url)
    target.close()
    assert attempt.failure is not None
    assert attempt.failure.code == "redirect"
    assert (connections, followed) == (1, [])


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2000 22:14:20 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("\u0661", None),
        ("99999999999999", 99_999_999_999_999.0),
    ],
)
async def test_retry_after_is_read_in_both_forms(given: str, seconds: float | None) -> None:
    head = f"HTTP/1.1 503 X\nRetry-After: {given}\nContent-Length: 0\n\n"
    async with served(answering(head)) as url:
        assert (await sent(url)).retry_after == seconds


async def test_nobody_there_is_told() -> None:
    attempt = await sent(f"http://127.0.0.1:{free_port()}/")
    assert attempt.failure is not None
    assert (attempt.failure.code, attempt.failure.source) == ("refused", "theirs")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example"])
async def test_a_name_that_leads_nowhere_is_told(host: str) -> None:
    attempt = await sent(f"http://{host}/")
    assert attempt.failure is not None
    assert attempt.failure.code == "dns"


@pytest.mark.parametrize("targets", ["public", "private"])
@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1", "target_not_allowed"),
        ("localhost", "target_not_allowed"),
        ("[::1]", "target_not_allowed"),
        ("[::ffff:127.0.0.1]", "target_not_allowed"),
        ("[64:ff9b::7f00:1]", "target_not_allowed"),
        ("2130706433", "bad_url"),
        ("127.1", "bad_url"),
        ("0x7f.1", "target_not_allowed"),
    ],
)
async def test_what_leads_to_this_machine_is_refused_before_a_connection(
    host: str, code: str, targets: Targets
) -> None:
    async with counted() as (url, connections):
        attempt = await sent(url.replace("127.0.0.1", host), targets)
    assert attempt.failure is not None
    assert attempt.failure.code == code
    assert connections == []


async def test_a_name_that_has_come_to_lead_elsewhere_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leads_to = ["10.0.0.9"]

    def resolved(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        assert host == "hooks.example"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in leads_to]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    async with counted() as (url, connections):
        named = url.replace("127.0.0.1", "hooks.example")
        for now in (["127.0.0.1"], ["169.254.169.254", "127.0.0.1"], ["10.0.0.9"]):
            leads_to[:] = now
            attempt = await sent(named, "public")
            assert attempt.failure is not None
            assert attempt.failure.code == "target_not_allowed"
        assert connections == []
        leads_to[:] = ["127.0.0.1"]
        assert (await sent(named, "any")).status == 204
    assert connections == [True]


async def test_names_that_nobody_answers_for_keep_no_other_name_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered = threading.Event()
    asked: list[str] = []

    def resolved(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        if host != "quick.example":
            answered.wait(20)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    names = [f"silent{number % 20}.example" for number in range(40)]
    async with counted() as (url, connections):
        silent = [sent(url.replace("127.0.0.1", name), seconds=0.3) for name in names]
        attempts = await asyncio.gather(*silent)
        assert {attempt.failure.code for attempt in attempts if attempt.failure} == {"timeout"}
        assert (await sent(url.replace("127.0.0.1", "quick.example"))).status == 204
    answered.set()
    assert connections == [True]


async def test_a_certificate_that_nobody_trusts_is_told(tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_self_signed(tmp_path))
    async with served(silent, ssl=context) as url:
        attempt = await sent(url.replace("http://", "https://"))
    assert attempt.failure is not None
    assert attempt.failure.code == "tls"


def _self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    moment = datetime.now(UTC)
    day = timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(moment - day)
        .not_valid_after(moment + day)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
