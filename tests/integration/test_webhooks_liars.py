"""One attempt, against receivers that are slow, endless, or make no sense."""

import asyncio
import time

import pytest

from orchestrator.delivery.sender import Attempt
from tests.harness.liars import Serve, answering, sent, served, silent


async def _seconds(serve: Serve, most: float) -> tuple[Attempt, float]:
    async with served(serve) as url:
        began = time.monotonic()
        attempt = await sent(url, seconds=most)
        return attempt, time.monotonic() - began


async def _drips(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def _drips_headers(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-A: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)


async def _continues(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("serve", [silent, _drips, _drips_headers, _continues])
async def test_a_slow_receiver_is_left_when_its_time_is_over(serve: Serve) -> None:
    attempt, took = await _seconds(serve, most=0.5)
    assert attempt.failure is not None
    assert attempt.failure.code in ("timeout", "bad_response")
    assert took < 2.0


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    written = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            written += 65_536

    attempt, took = await _seconds(serve, most=10.0)
    assert attempt.failure is not None
    assert attempt.failure.code == "response_too_long"
    assert took < 5.0
    assert written < 20_000_000


@pytest.mark.parametrize(
    ("head", "more", "codes"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", {"response_too_long"}),
        (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n", {"response_too_long"}),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
            b"y" * 100,
            {"response_too_long", "bad_response"},
        ),
    ],
)
async def test_what_comes_without_end_before_or_beside_a_body_is_not_read_either(
    head: bytes, more: bytes, codes: set[str]
) -> None:
    written = 0

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(head)
        while True:
            writer.write(more * 1_000)
            await writer.drain()
            written += len(more) * 1_000

    attempt, _ = await _seconds(serve, most=3.0)
    assert attempt.failure is not None
    assert attempt.failure.code in codes
    assert written < 20_000_000


@pytest.mark.parametrize("hears_first", [True, False])
@pytest.mark.parametrize(("code", "failure"), [(410, "status"), (200, "response_too_long")])
async def test_the_status_of_a_long_answer_is_told(
    code: int, failure: str, *, hears_first: bool
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if hears_first:
            await reader.readuntil(b'{"a":1}')
        writer.write(f"HTTP/1.1 {code} X\r\nContent-Length: 1000000\r\n\r\n".encode())
        writer.write(b"x" * 1_000_000)
        await writer.drain()

    async with served(serve) as url:
        attempt = await sent(url)
    assert attempt.failure is not None
    assert (attempt.status, attempt.failure.code) == (code, failure)


async def test_a_yes_may_have_a_body_of_64_kib() -> None:
    head = "HTTP/1.1 200 X\nX-Long: " + "y" * 8_000 + "\nContent-Length: 65536\n\n"
    async with served(answering(head, b"x" * 65_536)) as url:
        assert await sent(url) == Attempt(None, 200)


async def test_an_answer_that_is_packed_stays_packed() -> None:
    head = "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4\n\n"
    async with served(answering(head, b"junk")) as url:
        assert await sent(url) == Attempt(None, 200)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("", "disconnected"),
        ("SSH-2.0-OpenSSH_9.2\n", "bad_response"),
        ("HTTP/1.1 two hundred\n\n", "bad_response"),
        ("HTTP/1.1 200 OK\nContent-Length: 10\n\nshort", "bad_response"),
        ("HTTP/1.1 200 OK\nX: " + "y" * 100_000 + "\n\n", "bad_response"),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nnonsense\n", "bad_response"),
    ],
)
async def test_what_is_not_an_answer_is_told_without_being_repeated(said: str, code: str) -> None:
    async with served(answering(said)) as url:
        attempt = await sent(url)
    assert attempt.failure is not None
    assert attempt.failure.code == code
    assert "secret" not in attempt.failure.message
    assert "yyy" not in attempt.failure.message
