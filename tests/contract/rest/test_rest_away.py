"""Redis away: said so in time, nothing half-written, and back as soon as it is."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from orchestrator.settings import Settings, load
from tests.contract.rest.conftest import BODY, OFTEN, PATHS, Rest, started
from tests.contract.rest.documented import Answer
from tests.harness.redis import RedisServer, free_port
from tests.harness.waiting import wait_until

CALL = f"{PATHS[0]}/call_1"


def _settings(redis_url: str) -> Settings:
    nobody = f"http://127.0.0.1:{free_port()}"
    given = {"REDIS_URL": redis_url, "RINGCENTRAL_API_KEY": "a-key", "RC_SERVER_URL": nobody}
    return load({**OFTEN, **given})


@pytest.fixture
async def rest(own_redis: RedisServer) -> AsyncIterator[Rest]:
    """A front end with a Redis of its own, which it has used."""
    async with started(_settings(own_redis.url)) as running:
        yield running


async def _timed(asked: Awaitable[Answer]) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = await asked
    return answer, time.monotonic() - began


REQUESTS: dict[str, Callable[[Rest], Awaitable[Answer]]] = {
    "place": lambda rest: rest.place(),
    "place with a key": lambda rest: rest.place(Idempotency_Key="k"),
    "place and wait": lambda rest: rest.place(Prefer="wait=30"),
    "read": lambda rest: rest.ask("GET", CALL),
    "read live": lambda rest: rest.ask("GET", f"{PATHS[0]}/s-1"),
    "read and wait": lambda rest: rest.ask(
        "GET", CALL, headers={"Prefer": "wait=30", "If-None-Match": "*"}
    ),
    "cancel": lambda rest: rest.ask("DELETE", CALL),
    "list": lambda rest: rest.ask("GET", "/v1/calls"),
    "readiness": lambda rest: rest.ask("GET", "/readyz"),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
@pytest.mark.parametrize("how", ["frozen", "killed"])
async def test_503_within_two_seconds(
    rest: Rest, own_redis: RedisServer, how: str, request_: Callable[[Rest], Awaitable[Answer]]
) -> None:
    await rest.placed()
    if how == "frozen":
        own_redis.freeze()
    else:
        own_redis.kill()

    answer, seconds = await _timed(request_(rest))

    assert answer.status == 503
    assert answer.json["code"] in ("storage_unavailable", "not_ready")
    assert int(answer.headers["Retry-After"]) >= 1
    assert seconds < 2
    assert (await rest.ask("GET", "/livez")).status == 200


async def test_many_at_once_are_all_answered_in_time(rest: Rest, own_redis: RedisServer) -> None:
    await rest.placed()
    own_redis.freeze()

    answered = await asyncio.gather(*(_timed(rest.place()) for _ in range(50)))

    assert {answer.status for answer, _ in answered} == {503}
    assert max(seconds for _, seconds in answered) < 2


@pytest.mark.parametrize("is_first", [True, False])
async def test_who_was_told_503_is_not_called_back(
    own_redis: RedisServer, *, is_first: bool
) -> None:
    url = own_redis.url
    async with started(_settings(url)) as earlier, started(_settings(url)) as rest:
        known = [await (earlier if is_first else rest).placed()]
        own_redis.freeze()
        refused = await asyncio.gather(*(rest.place(Idempotency_Key=str(n)) for n in range(20)))
        own_redis.thaw()  # and with it what waits in the server's socket
        assert {answer.status for answer in refused} == {503}

        async def is_back() -> bool:
            return (await rest.ask("GET", "/readyz")).status == 200

        await wait_until(is_back)
        listed = (await rest.ask("GET", "/v1/calls")).json["calls"]

    assert [call["id"] for call in listed] == known


async def test_it_starts_without_redis_and_finds_it(own_redis: RedisServer) -> None:
    own_redis.kill()
    async with started(_settings(own_redis.url)) as rest:
        assert (await rest.ask("GET", "/readyz")).status == 503
        assert (await rest.ask("GET", "/docs")).status == 200
        own_redis.start()

        async def is_placed() -> bool:
            return (await rest.place()).status == 202

        await wait_until(is_placed)
        assert (await rest.ask("GET", "/readyz")).status == 200


async def test_a_call_that_is_accepted_stays_so_when_redis_goes_away(
    rest: Rest, own_redis: RedisServer
) -> None:
    async with rest.held("POST", PATHS[0], json=BODY, headers={"Prefer": "wait=2"}) as held:
        await rest.ask("GET", "/v1/calls")
        own_redis.freeze()

    assert (held.result().status, held.result().json["state"]) == (202, "queued")


async def test_a_full_redis_is_503(rest: Rest) -> None:
    await rest.placed()
    await rest.front.backend.commands.redis.config_set("maxmemory", "1")

    answer = await rest.place()

    assert (answer.status, answer.json["code"]) == (503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) >= 1
