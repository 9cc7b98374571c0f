"""An MCP process that the tests of a session share, and clients of it in both eras."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis
from mcp import Client
from mcp.types import CallToolResult, TextContent

from tests.harness.processes import Fleet, Process
from tests.harness.redis import RedisServer

NOWHERE = "http://127.0.0.1:9"
ENVIRONMENT = {
    "RINGOUT_LOG_FORMAT": "json",
    "RINGOUT_MCP_PORT": "0",
    "RINGCENTRAL_API_KEY": "a-test-key",
    "RC_SERVER_URL": NOWHERE,
}
FIXTURE_SERVER = [sys.executable, "-m", "tests.conformance.fixture_server"]

BODY = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}

Connect = Callable[[str], Awaitable[Client]]


def address(process: Process) -> str:
    """The URL that an MCP process says it listens on."""
    return process.line_with("mcp listening on").rsplit(" ", 1)[1]


def text_of(result: CallToolResult) -> str:
    """The text of a tool's answer."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


def call_of(result: CallToolResult) -> dict[str, Any]:
    """The call in a tool's answer, which must not be an error, and is the same JSON twice."""
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    call: dict[str, Any] = json.loads(text_of(result))
    assert call == result.structured_content
    return call


def refusal_of(result: CallToolResult) -> str:
    """The text of a tool error."""
    assert result.is_error
    assert result.structured_content is None
    return text_of(result)


@pytest.fixture(scope="session")
def shared_mcp(redis_server: RedisServer) -> Iterator[Process]:
    """`ringout mcp` on the session's Redis, with a RingCentral that cannot be reached."""
    processes = Fleet({**ENVIRONMENT, "REDIS_URL": redis_server.url})
    yield processes.command("mcp")
    processes.close()


@pytest.fixture
def url(shared_mcp: Process, redis_url: str) -> str:
    """The address of an MCP process whose database is empty."""
    return address(shared_mcp)


@pytest.fixture
def keys(redis_url: str) -> Iterator[Callable[[], list[str]]]:
    """Answers the names of all keys in the database."""
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield lambda: sorted(client.scan_iter())


@pytest.fixture(params=["auto", "legacy"], ids=["newer", "older"])
def era(request: pytest.FixtureRequest) -> str:
    """How the SDK's client speaks: auto finds the newer protocol, legacy keeps to the older."""
    return str(request.param)


async def _held(client: Client, connected: asyncio.Future[None], done: asyncio.Event) -> None:
    try:
        async with client:
            connected.set_result(None)
            await done.wait()
    except BaseException as error:
        if connected.done():
            raise
        connected.set_exception(error)


@pytest.fixture
async def connect(era: str) -> AsyncIterator[Connect]:
    """Connects a client of that era to an address, until the test is over.

    A client must be closed by the task that opened it, and a fixture's end is not in the task of
    its beginning: so each has a task of its own.
    """
    done = asyncio.Event()
    async with asyncio.TaskGroup() as holding:

        async def connected(address: str) -> Client:
            client = Client(address, mode=era)
            is_connected = asyncio.get_running_loop().create_future()
            holding.create_task(_held(client, is_connected, done))
            await is_connected
            return client

        yield connected
        done.set()


@pytest.fixture
async def client(url: str, connect: Connect) -> Client:
    """A connected client."""
    return await connect(url)
