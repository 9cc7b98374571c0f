"""`ringout rest`: its line, its end, and what it refuses to start with."""

import asyncio
import re
import signal
import socket
import time

import aiohttp
import pytest

from tests.contract.rest.conftest import BODY, PATHS
from tests.harness.processes import Fleet, Process
from tests.harness.redis import RedisServer, free_port
from tests.harness.waiting import wait_until

SETTINGS = {"RINGCENTRAL_API_KEY": "a-key", "RINGOUT_REST_PORT": "0"}


def _started(fleet: Fleet, **more: str) -> tuple[Process, str]:
    process = fleet.command("rest", **{**SETTINGS, **more})
    line = process.line_with("rest listening on")
    match = re.fullmatch(r"rest listening on (http://127\.0\.0\.1:(\d+))", line)
    assert match is not None, line
    return process, match[1]


async def test_it_says_where_it_listens_and_ends_with_0(
    fleet: Fleet, session: aiohttp.ClientSession
) -> None:
    process, url = _started(fleet)

    async with session.post(url + PATHS[0], json=BODY) as response:
        call = await response.json()
    assert response.status == 202
    assert call["uri"] == f"{url}{PATHS[0]}/{call['id']}"
    assert process.terminate() == 0
    assert process.lines == [f"rest listening on {url}"]
    assert not any("+16505550123" in line for line in process.errors)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_what_is_held_is_answered_when_it_ends(
    fleet: Fleet, session: aiohttp.ClientSession, number: signal.Signals
) -> None:
    process, url = _started(fleet)

    async def place() -> tuple[int, str, str]:
        headers = {"Prefer": "wait=60"}
        async with session.post(url + PATHS[0], json=BODY, headers=headers) as response:
            call = await response.json()
            return response.status, call["state"], response.headers.get("Connection", "")

    async def are_accepted() -> bool:
        async with session.get(f"{url}/v1/calls") as response:
            return len((await response.json())["calls"]) == 5

    held = [asyncio.create_task(place()) for _ in range(5)]
    await wait_until(are_accepted)
    began = time.monotonic()

    process.send(number)

    assert await asyncio.gather(*held) == [(202, "queued", "close")] * 5
    await wait_until(lambda: process.code is not None, 10)
    assert process.code == 0
    assert time.monotonic() - began < 10
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(f"{url}/readyz")


async def test_it_ends_though_redis_is_away_and_clients_are_idle(
    own_redis: RedisServer, fleet: Fleet
) -> None:
    process, url = _started(fleet, REDIS_URL=own_redis.url)
    port = int(url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as idle:
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        own_redis.kill()
        began = time.monotonic()

        assert process.terminate() == 0

    assert time.monotonic() - began < 15


def test_a_port_that_is_taken_is_a_wrong_configuration(fleet: Fleet) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = fleet.command("rest", **{**SETTINGS, "RINGOUT_REST_PORT": str(port)})

        assert _code(process) == 2

    assert process.lines == []
    assert len(process.errors) == 1
    assert "RINGOUT_REST_PORT" in process.errors[0]


def test_it_does_not_start_without_a_credential(fleet: Fleet) -> None:
    process = fleet.command("rest", RINGOUT_REST_PORT=str(free_port()))

    assert _code(process) == 2
    assert "RINGCENTRAL_API_KEY" in process.errors[0]


def _code(process: Process) -> int | None:
    give_up = time.monotonic() + 15
    while process.code is None and time.monotonic() < give_up:
        time.sleep(0.02)
    process.terminate()
    return process.code
