"""Several replicas behind a balancer that sends each request to the next one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle

import aiohttp
import pytest
from aiohttp import web
from mcp import Client, MCPError
from mcp.client.context import ClientRequestContext
from mcp.types import ElicitRequestParams, ElicitResult, ErrorData

from tests.contract.mcp.conftest import (
    BODY,
    ENVIRONMENT,
    FIXTURE_SERVER,
    Connect,
    address,
    call_of,
    text_of,
)
from tests.harness.processes import Fleet, Process
from tests.harness.redis import free_port

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
SHARED = "0123456789abcdef0123456789abcdef"
OTHER = "fedcba9876543210fedcba9876543210"


class Balancer:
    """Forwards each request to the next of `backends`; `sent` counts them by backend."""

    def __init__(self, backends: list[str], session: aiohttp.ClientSession) -> None:
        self.sent = dict.fromkeys(backends, 0)
        self._next = cycle(backends)
        self._session = session

    async def forward(self, request: web.Request) -> web.StreamResponse:
        """One request, its answer streamed."""
        backend = next(self._next)
        self.sent[backend] += 1
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        body = await request.read()
        async with self._session.request(
            request.method, backend, data=body, headers=headers
        ) as there:
            kept = {k: v for k, v in there.headers.items() if k.lower() not in HOP_BY_HOP}
            answer = web.StreamResponse(status=there.status, headers=kept)
            await answer.prepare(request)
            async for piece in there.content.iter_any():
                await answer.write(piece)
            return answer


@asynccontextmanager
async def balanced(
    port: int, backends: list[str], session: aiohttp.ClientSession
) -> AsyncIterator[Balancer]:
    """A balancer on `port`."""
    balancer = Balancer(backends, session)
    app = web.Application()
    app.router.add_route("*", "/mcp", balancer.forward)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield balancer
    finally:
        await runner.cleanup()


async def test_replicas_serve_one_client_in_turn(
    redis_url: str, connect: Connect, session: aiohttp.ClientSession
) -> None:
    port = free_port()
    hosts = f"127.0.0.1:{port}"
    processes = Fleet({**ENVIRONMENT, "REDIS_URL": redis_url, "RINGOUT_MCP_ALLOWED_HOSTS": hosts})
    try:
        backends = [address(processes.command("mcp")) for _ in range(2)]
        async with balanced(port, backends, session) as balancer:
            client = await connect(f"http://{hosts}/mcp")
            assert len((await client.list_tools()).tools) == 3
            wish = {"body": BODY, "idempotencyKey": "wish 1"}
            made = [call_of(await client.call_tool("make-ringout-call", wish)) for _ in range(4)]
            assert made == [made[0]] * 4
            wanted = {"ringoutId": made[0]["id"]}
            ended = call_of(await client.call_tool("cancel-ringout-call", wanted))
            for _ in range(2):
                seen = call_of(await client.call_tool("get-ringout-call-status", wanted))
                assert seen == ended
        assert min(balancer.sent.values()) >= 4
    finally:
        processes.close()


def _asking(redis_url: str, hosts: str, key: str) -> Process:
    environment = {
        **ENVIRONMENT,
        "REDIS_URL": redis_url,
        "RINGOUT_MCP_ALLOWED_HOSTS": hosts,
        "RINGOUT_MCP_STATE_KEYS": key,
    }
    return Process(FIXTURE_SERVER, environment)


async def _answers(
    context: ClientRequestContext, params: ElicitRequestParams
) -> ElicitResult | ErrorData:
    field = "name" if "name" in params.message else "color"
    return ElicitResult(action="accept", content={field: "blue"})


@pytest.mark.parametrize(("second_key", "is_understood"), [(SHARED, True), (OTHER, False)])
async def test_what_one_replica_asked_is_answered_to_another(
    redis_url: str, session: aiohttp.ClientSession, second_key: str, *, is_understood: bool
) -> None:
    port = free_port()
    hosts = f"127.0.0.1:{port}"
    replicas = [_asking(redis_url, hosts, key) for key in (SHARED, second_key)]
    try:
        async with (
            balanced(port, [address(replica) for replica in replicas], session),
            Client(f"http://{hosts}/mcp", elicitation_callback=_answers) as client,
        ):
            asking = client.call_tool("test_input_required_result_multi_round", {})
            if is_understood:
                assert text_of(await asking) == "Both steps are answered."
            else:
                with pytest.raises(MCPError, match="requestState"):
                    await asking
    finally:
        for replica in replicas:
            replica.terminate()
