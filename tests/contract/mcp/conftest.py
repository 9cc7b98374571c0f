"""An MCP process that the tests of a session share, and clients of it in both eras."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import httpx2
import pytest
import redis
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from orchestrator.domain.access import EVERYTHING, Scope
from orchestrator.runtime import backend, now
from orchestrator.settings import load
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.connection import FRONT_END
from orchestrator.storage.keys import NUMBERS_KEY
from tests.contract.mcp.access_kit import Enter, House, new_key
from tests.contract.mcp.confirmation_kit import STATE_KEY, Poster
from tests.harness.processes import Fleet, Process
from tests.harness.redis import RedisServer, emptied

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


@pytest.fixture
def shared_url(shared_redis: RedisServer) -> Iterator[str]:
    """Its database, empty; after the test, every key in it must be as the key book says."""
    with emptied(shared_redis) as url:
        yield url


@pytest.fixture(scope="session")
def shared_mcp(shared_redis: RedisServer) -> Iterator[Process]:
    """`ringout mcp` on the session's Redis, with a RingCentral that cannot be reached."""
    processes = Fleet({**ENVIRONMENT, "REDIS_URL": shared_redis.url})
    yield processes.command("mcp")
    processes.close()


@pytest.fixture
def url(shared_mcp: Process, shared_url: str) -> str:
    """The address of an MCP process whose database is empty."""
    return address(shared_mcp)


@pytest.fixture
def keys(shared_url: str) -> Iterator[Callable[[], list[str]]]:
    """Answers the names of all keys in the database, but the one that digests are made with."""
    with redis.Redis.from_url(shared_url, decode_responses=True) as client:
        yield lambda: sorted(set(client.scan_iter()) - {NUMBERS_KEY})


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


@pytest.fixture
async def api_keys(redis_url: str) -> AsyncIterator[ApiKeys]:
    settings = load({"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "k"})
    async with backend(settings, FRONT_END) as parts:
        yield ApiKeys(parts.commands, now)


@pytest.fixture
async def house(api_keys: ApiKeys, fleet: Fleet) -> House:
    fleet.environment |= ENVIRONMENT
    some = EVERYTHING - {Scope.OPS}
    one, two = [await new_key(api_keys, *some) for _ in range(2)]
    reader = await new_key(api_keys, Scope.READ)
    return House(address(fleet.command("mcp")), one, two, reader, api_keys)


@pytest.fixture
async def enter(era: str) -> AsyncIterator[Enter]:
    """Connects a client of that era with a bearer token, until the test is over."""
    done = asyncio.Event()

    async def held(url: str, token: str, entered: asyncio.Future[Client]) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with AsyncExitStack() as stack:
                http = await stack.enter_async_context(
                    httpx2.AsyncClient(headers=headers, timeout=30)
                )
                transport = streamable_http_client(url, http_client=http)
                client = await stack.enter_async_context(Client(transport, mode=era))
                entered.set_result(client)
                await done.wait()
        except BaseException as error:
            if entered.done():
                raise
            entered.set_exception(error)

    async with asyncio.TaskGroup() as holding:

        async def entering(url: str, token: str) -> Client:
            entered: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
            holding.create_task(held(url, token, entered))
            return await entered

        yield entering
        done.set()


@pytest.fixture(scope="session")
def policies(shared_redis: RedisServer) -> Iterator[dict[str, str]]:
    """The address of an MCP process under each policy."""
    fleet = Fleet(
        {**ENVIRONMENT, "REDIS_URL": shared_redis.url, "RINGOUT_MCP_STATE_KEYS": STATE_KEY}
    )
    running = {
        policy: fleet.command("mcp", RINGOUT_MCP_CONFIRMATION=policy)
        for policy in ("required", "when-possible", "off")
    }
    yield {policy: address(process) for policy, process in running.items()}
    fleet.close()


@pytest.fixture
def required(policies: dict[str, str], shared_url: str) -> str:
    """The address of a process that requires confirmation; its database is empty."""
    return policies["required"]


@pytest.fixture
def poster(session: aiohttp.ClientSession, required: str) -> Poster:
    """A client of that process."""
    return Poster(session, required)


@pytest.fixture
def calls(shared_url: str) -> Iterator[Callable[[], list[str]]]:
    """Answers the ids of all calls that are written down."""
    with redis.Redis.from_url(shared_url, decode_responses=True) as client:
        yield lambda: client.zrange("ringout:v1:{ringout}:calls", 0, -1)
