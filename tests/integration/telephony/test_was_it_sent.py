"""Whether a request may have been acted on, and that none is ever sent twice. Real sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from orchestrator.domain.errors import UpstreamFailed, UpstreamUnavailable
from orchestrator.telephony.auth import StaticToken
from orchestrator.telephony.client import RingCentral
from tests.harness.waiting import wait_until
from tests.integration.telephony.world import (
    BODY,
    PAID,
    PLACED,
    RINGING,
    MemoryBudget,
    OddServer,
    Reply,
    Script,
    always,
    by_method,
    http,
    in_turn,
    nobody,
    odd_server,
    reply,
)

READING = {"id": "s-1", "status": RINGING}


def client(url: str, patience: float = 5.0) -> RingCentral:
    return RingCentral(
        server_url=url,
        tokens=StaticToken("key"),
        budget=MemoryBudget(),
        user_agent="Tests/1.0",
        timeout=patience,
    )


@asynccontextmanager
async def talking(
    script: Script, patience: float = 5.0
) -> AsyncIterator[tuple[OddServer, RingCentral]]:
    async with odd_server(script) as server, client(server.url, patience) as ringcentral:
        yield server, ringcentral


# Never twice


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_post_on_a_kept_alive_connection_that_breaks_is_sent_once(then: str) -> None:
    async with talking(by_method(POST=Reply(then=then))) as (server, ringcentral):
        await ringcentral.ready()
        with pytest.raises(UpstreamFailed):
            await ringcentral.make("~", "~", BODY, PAID)
        assert server.methods() == ["POST"]
        assert server.received[-1].connection == 1, "the connection was a kept one"


@pytest.mark.parametrize("then", ["close", "reset"])
async def test_a_delete_on_a_kept_alive_connection_that_breaks_is_sent_once(then: str) -> None:
    async with talking(by_method(DELETE=Reply(then=then))) as (server, ringcentral):
        await ringcentral.ready()
        with pytest.raises(UpstreamFailed):
            await ringcentral.cancel("~", "~", "s-1")
        assert server.methods() == ["DELETE"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_nor_on_a_new_connection(method: str) -> None:
    async with talking(by_method(**{method: Reply(then="reset")})) as (server, ringcentral):
        asking = (
            ringcentral.make("~", "~", BODY, PAID)
            if method == "POST"
            else ringcentral.cancel("~", "~", "s-1")
        )
        with pytest.raises(UpstreamFailed):
            await asking
        assert server.methods() == [method]


async def test_a_status_survives_a_connection_that_was_closed_while_idle() -> None:
    replies = [reply(200, READING), Reply(then="close"), reply(200, READING)]
    async with talking(in_turn(*replies)) as (server, ringcentral):
        await ringcentral.status("~", "~", "s-1")
        assert (await ringcentral.status("~", "~", "s-1")).call == "InProgress"
        assert [request.connection for request in server.received] == [1, 1, 2]


async def test_a_redirect_is_not_followed() -> None:
    moved = reply(307, b"", Location="/elsewhere")
    async with talking(by_method(POST=moved)) as (server, ringcentral):
        with pytest.raises(UpstreamFailed):
            await ringcentral.make("~", "~", BODY, PAID)
        assert len(server.received) == 1


# Nothing was sent


async def test_a_refused_connection_has_sent_nothing() -> None:
    async with client(nobody()) as ringcentral:
        for attempt in (
            ringcentral.make("~", "~", BODY, PAID),
            ringcentral.status("~", "~", "s-1"),
            ringcentral.cancel("~", "~", "s-1"),
            ringcentral.active_calls("~", "~"),
            ringcentral.ready(),
        ):
            with pytest.raises(UpstreamUnavailable) as unavailable:
                await attempt
            assert unavailable.value.retry_after > 0


async def test_a_tls_handshake_that_never_ends_has_sent_nothing() -> None:
    async with odd_server(always(reply(200))) as server:
        async with client(_over_tls(server), patience=0.3) as ringcentral:
            with pytest.raises(UpstreamUnavailable) as unavailable:
                await ringcentral.make("~", "~", BODY, PAID)
        assert isinstance(unavailable.value.__cause__, aiohttp.ConnectionTimeoutError)


async def test_a_tls_handshake_that_fails_has_sent_nothing() -> None:
    async with odd_server(always(reply(200)), greeting=http(400)) as server:
        async with client(_over_tls(server)) as ringcentral:
            with pytest.raises(UpstreamUnavailable) as unavailable:
                await ringcentral.make("~", "~", BODY, PAID)
        assert isinstance(unavailable.value.__cause__, aiohttp.ClientConnectorSSLError)


def _over_tls(server: OddServer) -> str:
    return server.url.replace("http:", "https:")


def test_a_name_that_does_not_resolve_counts_as_never_connected() -> None:
    assert issubclass(aiohttp.ClientConnectorDNSError, aiohttp.ClientConnectorError)


@pytest.mark.parametrize("url", ["", "platform.ringcentral.com", "ftp://host", "http://"])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="address of a server"):
        client(url)


# It may have been acted on

ODD_ANSWERS = {
    "no answer, closed": Reply(then="close"),
    "no answer, reset": Reply(then="reset"),
    "half an answer": Reply(http(200, PLACED)[:-10], then="close"),
    "half a head": Reply(b"HTTP/1.1 200 OK\r\nContent-Le", then="close"),
    "no HTTP": Reply(b"\x16\x03\x01 what is this\r\n\r\n", then="close"),
    "cut JSON": reply(200, b'{"id": "s-1", "status": {"callSta'),
    "HTML": reply(200, b"<html>Welcome</html>", Content_Type="text/html"),
    "empty": reply(200),
    "no id": reply(200, {"status": RINGING}),
    "bad gzip": reply(200, b"not gzip", Content_Encoding="gzip"),
    "502 HTML": reply(502, b"<html>Bad Gateway</html>"),
    "503": reply(503, {"errorCode": "CMN-211"}, Retry_After="10"),
    "500": reply(500, {"errorCode": "CMN-203"}),
    "duplicate": reply(429, {"errorCode": "CMN-304"}, Retry_After="10"),
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
async def test_an_unclear_answer_is_a_failure_and_the_post_was_sent_once(answer: Reply) -> None:
    async with talking(by_method(POST=answer)) as (server, ringcentral):
        with pytest.raises(UpstreamFailed) as failure:
            await ringcentral.make("~", "~", BODY, PAID)
        assert not failure.value.timed_out
        assert server.methods() == ["POST"]


async def test_no_answer_in_time_is_a_failure_that_says_so() -> None:
    never = Reply(hold=asyncio.Event())
    async with talking(by_method(POST=never), patience=0.3) as (server, ringcentral):
        with pytest.raises(UpstreamFailed) as failure:
            await ringcentral.make("~", "~", BODY, PAID)
        assert failure.value.timed_out
        assert server.methods() == ["POST"]
        assert never.hold is not None
        never.hold.set()


async def test_half_an_answer_in_time_is_a_failure_that_says_so() -> None:
    async with talking(by_method(POST=Reply(http(200, PLACED)[:-10])), patience=0.3) as (
        _,
        ringcentral,
    ):
        with pytest.raises(UpstreamFailed) as failure:
            await ringcentral.make("~", "~", BODY, PAID)
        assert failure.value.timed_out


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    huge = {**PLACED, "padding": "x" * (3 * 1024 * 1024)}
    async with talking(by_method(POST=reply(200, huge), GET=reply(200, READING))) as (
        server,
        ringcentral,
    ):
        with pytest.raises(UpstreamFailed):
            await ringcentral.make("~", "~", BODY, PAID)
        await ringcentral.status("~", "~", "s-1")
        assert server.received[-1].connection == 2, "the connection was given up"


# What goes over the wire


async def test_headers_body_and_path_as_they_are_sent() -> None:
    cookie = reply(200, PLACED, Set_Cookie="session=1; Path=/")
    async with odd_server(by_method(POST=cookie, GET=reply(200, READING))) as server:
        # By name: aiohttp's cookie jar takes none from a bare address.
        async with client(server.url.replace("127.0.0.1", "localhost")) as ringcentral:
            await ringcentral.make("~", "401", BODY, PAID)
            await ringcentral.status("~", "~", "a/../b?c#d")
        post, get = server.received
        assert post.path == "/restapi/v1.0/account/~/extension/401/ring-out"
        assert post.headers["authorization"] == "Bearer key"
        assert post.headers["user-agent"] == "Tests/1.0"
        assert post.headers["content-type"] == "application/json"
        assert (
            post.body
            == b'{"from":{"phoneNumber":"+16505550100"},"to":{"phoneNumber":"+16505550123"}}'
        )
        assert get.path == "/restapi/v1.0/account/~/extension/~/ring-out/a%2F..%2Fb%3Fc%23d"
        assert "cookie" not in get.headers
        assert post.connection == get.connection


# Ready


async def test_being_ready_costs_nothing_while_a_connection_is_open() -> None:
    async with talking(by_method(POST=reply(200, PLACED))) as (server, ringcentral):
        await asyncio.gather(*(ringcentral.ready() for _ in range(50)))
        assert (server.probes(), server.connections) == (1, 1)
        assert "authorization" not in server.received[0].headers
        await ringcentral.make("~", "~", BODY, PAID)
        await ringcentral.ready()
        assert (server.probes(), server.connections) == (1, 1)


async def test_a_connection_that_the_server_closed_is_noticed() -> None:
    async with talking(by_method(POST=reply(200, PLACED))) as (server, ringcentral):
        await ringcentral.ready()
        server.hang_up()
        await wait_until(lambda: not ringcentral._transport.has_idle_connection)
        await ringcentral.ready()
        assert (server.probes(), server.connections) == (2, 2)
        await ringcentral.make("~", "~", BODY, PAID)
        assert server.received[-1].connection == 2


async def test_a_connection_in_use_is_none_in_hand() -> None:
    slow = Reply(http(200, PLACED), hold=asyncio.Event())
    async with talking(by_method(POST=slow)) as (server, ringcentral):
        await ringcentral.ready()
        making = asyncio.create_task(ringcentral.make("~", "~", BODY, PAID))
        await wait_until(lambda: server.methods() == ["POST"])
        await ringcentral.ready()
        assert (server.probes(), server.connections) == (2, 2)
        assert slow.hold is not None
        slow.hold.set()
        assert (await making).ringout_id == "s-1"


@pytest.mark.parametrize("bad", [reply(503, b"<html>"), Reply(then="close")])
async def test_after_an_unclear_answer_the_harmless_request_goes_first(bad: Reply) -> None:
    async with talking(by_method(POST=bad)) as (server, ringcentral):
        await ringcentral.ready()
        with pytest.raises(UpstreamFailed):
            await ringcentral.make("~", "~", BODY, PAID)
        await ringcentral.ready()
        await ringcentral.ready()
        assert [request.is_probe for request in server.received] == [True, False, True]


async def test_so_it_does_after_a_silence_while_another_connection_is_open() -> None:
    never = Reply(hold=asyncio.Event())
    async with talking(by_method(POST=never), patience=1.0) as (server, ringcentral):
        await ringcentral.ready()
        making = asyncio.create_task(ringcentral.make("~", "~", BODY, PAID))
        await wait_until(lambda: server.methods() == ["POST"], every=0.002)
        await ringcentral.ready()
        with pytest.raises(UpstreamFailed):
            await making
        assert ringcentral._transport.has_idle_connection
        await ringcentral.ready()
        assert (server.probes(), server.connections) == (3, 2)
        assert never.hold is not None
        never.hold.set()


@pytest.mark.parametrize(
    "bad", [reply(500), reply(503, b"<html>"), Reply(then="reset"), Reply(b"nonsense\r\n\r\n")]
)
async def test_a_server_that_does_not_answer_soundly_is_unavailable(bad: Reply) -> None:
    async with talking(always(bad)) as (server, ringcentral):
        for _ in range(2):
            with pytest.raises(UpstreamUnavailable):
                await ringcentral.ready()
        assert server.probes() >= 2


async def test_a_server_that_never_answers_is_unavailable() -> None:
    never = Reply(hold=asyncio.Event())
    async with talking(always(never), patience=0.3) as (_, ringcentral):
        with pytest.raises(UpstreamUnavailable):
            await ringcentral.ready()
        assert never.hold is not None
        never.hold.set()
