"""Streams of events under stress: cut, trimmed, slow, many, and without Redis for a while."""

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from orchestrator.domain.access import HOUSE
from orchestrator.rest.app import STREAMS
from orchestrator.settings import Settings
from orchestrator.storage.feed import MOST_PENDING
from tests.contract.rest.conftest import BODY, Rest, started
from tests.harness.clients import accept
from tests.harness.redis import RedisServer
from tests.harness.sse import Listener, Sent, listening
from tests.harness.waiting import wait_until

EVENTS = "ringout:v1:{ringout}:events"
PATH = "/v1/events"
GAP = "gap"


async def _burst(rest: Rest, calls: int) -> None:
    """Two events a call, as fast as they come, several calls at a time."""

    async def one(number: int) -> None:
        call_id = await accept(rest.front, f"+1650555{number:04}")
        await rest.front.service.cancel(HOUSE, "~", "~", call_id)

    for begin in range(0, calls, 20):
        await asyncio.gather(*(one(number) for number in range(begin, min(calls, begin + 20))))


async def _kept(redis: Redis) -> list[str]:
    return [entry.decode() for entry, _ in await redis.xrange(EVENTS)]


async def _written(redis: Redis, count: int, size: int = 10) -> None:
    """Events that nobody made, in one go."""
    pipeline = redis.pipeline(transaction=True)
    for sequence in range(1, count + 1):
        pipeline.xadd(EVENTS, _event(sequence, size))
    await pipeline.execute()


def _event(sequence: int, size: int = 10) -> Any:
    known = {"type": "call.ringing", "call": "call_x", "sequence": sequence, "state": "ringing"}
    return {**known, "data": json.dumps("x" * size)}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


async def test_a_client_that_is_cut_again_and_again_gets_each_event_once_and_in_order(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    choose = random.Random(7)  # noqa: S311 - where it is cut
    got: list[str] = []
    writing = asyncio.create_task(_burst(rest, 600))
    while len(got) < 1_200:
        last = got[-1] if got else "0"
        async with listening(session, rest.url + PATH, last) as stream:
            told = await stream.take(min(choose.randint(1, 97), 1_200 - len(got)))
        got += [one.id for one in told]
    await writing
    assert got == await _kept(redis)


async def test_all_who_listen_get_the_same_in_the_same_order(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    await _written(redis, 1_500)
    writing = asyncio.create_task(_burst(rest, 200))

    async def all_of_it() -> list[str]:
        async with listening(session, rest.url + PATH, "0") as stream:
            return [one.id for one in await stream.take(1_900)]

    got = await asyncio.gather(*(all_of_it() for _ in range(5)))
    await writing
    kept = await _kept(redis)
    assert all(one == kept for one in got)


async def test_a_gap_is_told_first_and_then_what_is_kept(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    await _written(redis, 20)
    places = await _kept(redis)
    await redis.xtrim(EVENTS, maxlen=10, approximate=False)
    async with listening(session, rest.url + PATH, places[4]) as stream:
        told = await stream.take(11)
    assert (told[0].type, told[0].data) == (GAP, {"oldest": places[10], "lastEventId": places[4]})
    assert [one.id for one in told[1:]] == places[10:]
    async with listening(session, rest.url + PATH, places[12]) as stream:
        assert [one.id for one in await stream.take(7)] == places[13:]


async def test_nothing_was_dropped_and_so_no_gap_is_told(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    await _written(redis, 3)
    for last in ("0", "0-1", "5"):
        async with listening(session, rest.url + PATH, last) as stream:
            assert [one.type for one in await stream.take(3)] == ["call.ringing"] * 3


async def test_an_id_that_the_stream_has_not_come_to_is_a_gap(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    await _written(redis, 2)
    places = await _kept(redis)
    async with listening(session, rest.url + PATH, "9999999999999-7") as stream:
        told = await stream.take(3)
        assert told[0].data == {"oldest": places[0], "lastEventId": "9999999999999-7"}
        assert [one.id for one in told[1:]] == places
        await _written(redis, 1)
        assert len(await stream.take(1)) == 1


async def test_a_stream_that_is_trimmed_under_its_readers_says_so(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    async with listening(session, rest.url + PATH) as stream:
        await _written(redis, 1)
        (before,) = await stream.take(1)
        pipeline = redis.pipeline(transaction=True)
        for sequence in range(2, 8):
            pipeline.xadd(EVENTS, _event(sequence))
        pipeline.xtrim(EVENTS, maxlen=2, approximate=False)
        await pipeline.execute()
        kept = await _kept(redis)
        told = await stream.take(3)
        assert (told[0].type, told[0].data) == (
            GAP,
            {"oldest": kept[0], "lastEventId": before.id},
        )
        assert [one.id for one in told[1:]] == kept


async def test_what_was_read_before_it_was_trimmed_is_no_gap(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    async with listening(session, rest.url + PATH) as stream:
        for _ in range(3):
            await _written(redis, 2)
            await stream.take(2)
            await redis.xtrim(EVENTS, maxlen=0, approximate=False)
    assert [one.type for one in stream.received] == ["call.ringing"] * 6


def _deaf(rest: Rest) -> socket.socket:
    """A client that asks and then reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    host, port = rest.url.removeprefix("http://").split(":")
    client.connect((host, int(port)))
    client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


async def test_a_client_that_does_not_read_is_dropped_and_no_other(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    with _deaf(rest):
        async with listening(session, rest.url + PATH) as stream:
            await wait_until(lambda: rest.app[STREAMS].count == 2)
            count = 0
            while rest.app[STREAMS].count == 2:
                assert count < 20 * MOST_PENDING, "the deaf client is kept"
                await _written(redis, 250, size=4_000)
                count += 250
                await stream.take(250)
            await _written(redis, 1)
            await stream.take(1)
            counted = (await rest.ask("GET", "/metrics")).raw.decode()
            assert "ringout_event_streams 1.0" in counted
            assert "ringout_event_streams_dropped_total 1.0" in counted
    assert [one.type for one in stream.received] == ["call.ringing"] * (count + 1)
    assert [one.id for one in stream.received] == await _kept(redis)


async def test_a_deaf_client_does_not_hold_up_the_end_of_the_process(
    alone: Settings, redis: Redis
) -> None:
    async with started(alone) as rest:
        with _deaf(rest):
            await wait_until(lambda: rest.app[STREAMS].count == 1)
            await _written(redis, 900, size=4_000)
            rest.waits.drain()
            await wait_until(lambda: rest.app[STREAMS].count == 0, 3)


async def _reads(redis: Redis) -> int:
    """How many reads of the stream's tail have ended."""
    counts = await redis.info("commandstats")
    return int(counts.get("cmdstat_xread", {"calls": 0})["calls"])


async def test_many_clients_and_one_reader(alone: Settings, own_redis: RedisServer) -> None:
    settings = alone.model_copy(update={"redis_url": own_redis.url})
    async with (
        started(settings) as rest,
        Redis.from_url(own_redis.url) as redis,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as many,
        asyncio.TaskGroup() as group,
    ):
        opened = asyncio.Semaphore(0)

        async def one() -> None:
            async with listening(many, rest.url + PATH) as stream:
                opened.release()
                told = await stream.take(2)
                assert [sent.type for sent in told] == ["call.queued", "call.ended"]

        for _ in range(300):
            group.create_task(one())
        for _ in range(300):
            await opened.acquire()
        reads = await _reads(redis)
        clients = await redis.client_list()
        assert len([one for one in clients if one["cmd"] == "xread"]) == 1
        assert len(clients) <= 4
        await _burst(rest, 1)
        assert await _reads(redis) - reads <= 3


async def test_streams_go_on_when_redis_comes_back(
    alone: Settings, own_redis: RedisServer, session: aiohttp.ClientSession
) -> None:
    settings = alone.model_copy(update={"redis_url": own_redis.url})
    async with (
        started(settings) as rest,
        listening(session, rest.url + PATH) as every,
        Redis.from_url(own_redis.url) as redis,
    ):
        call_id = await rest.placed()
        one = await _opened(rest, session, call_id)
        await every.take(1)
        own_redis.kill()
        assert (await rest.place()).status == 503
        own_redis.start()

        async def is_placed() -> bool:
            answer = await session.post(
                rest.url + "/v1/restapi/v1-0/account/~/extension/~/ring-out", json=BODY
            )
            return answer.status == 202

        await wait_until(is_placed)
        await rest.front.service.cancel(HOUSE, "~", "~", call_id)
        kept = await _kept(redis)
        told = await every.take(len(kept) - 1)
        assert [sent.id for sent in (*every.received[:1], *told)] == kept
        assert [sent.type for sent in await _rest_of(one)] == ["call.queued", "call.ended"]


@pytest.mark.parametrize("is_noticed_late", [True, False])
async def test_a_redis_that_has_forgotten_everything_is_a_gap(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis, *, is_noticed_late: bool
) -> None:
    async with listening(session, rest.url + PATH) as stream:
        await _written(redis, 5)
        last = (await stream.take(5))[-1]
        await wait_until(partial(_is_later, redis, last.id))
        await redis.flushall()
        if is_noticed_late:
            await _written(redis, 2)
        told = await stream.take(1)
        if not is_noticed_late:
            await _written(redis, 2)
        told += await stream.take(2)
    assert (told[0].type, told[0].data["lastEventId"]) == (GAP, last.id)
    assert [one.id for one in told[1:]] == await _kept(redis)


async def _is_later(redis: Redis, place: str) -> bool:
    """Whether the server's clock has gone on, so that an id is not given out twice."""
    seconds, micros = await redis.time()
    return int(seconds) * 1000 + int(micros) // 1000 > int(place.partition("-")[0])


async def test_a_replica_that_had_less_is_no_gap(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis
) -> None:
    async with listening(session, rest.url + PATH) as stream:
        await _written(redis, 5)
        await stream.take(5)
        first, *_, last = await _kept(redis)
        pipeline = redis.pipeline(transaction=True)
        pipeline.delete(EVENTS)
        pipeline.xadd(EVENTS, _event(1), id=first)
        await pipeline.execute()
        await wait_until(lambda: str(rest.front.service.feed.place) == first)
        await _written(redis, 1)
        told = await stream.take(1)
    assert (told[0].type, told[0].id > last) == ("call.ringing", True)


async def _opened(
    rest: Rest, session: aiohttp.ClientSession, call_id: str
) -> asyncio.Task[Listener]:
    """A stream of one call, read to its end by a task."""
    path = f"/v1/restapi/v1-0/account/~/extension/~/ring-out/{call_id}/events"
    is_open = asyncio.Event()

    async def read() -> Listener:
        async with listening(session, rest.url + path) as stream:
            await stream.take(1)
            is_open.set()
            await stream.rest()
            return stream

    task = asyncio.create_task(read())
    await is_open.wait()
    return task


async def _rest_of(reading: asyncio.Task[Listener]) -> list[Sent]:
    return (await reading).received


FOREIGN: list[dict[Any, Any]] = [
    {"a": "b"},
    {b"\xff": b"\xfe"},
    {"type": "call.ended", "call": "call_x", "sequence": "no number", "state": "x", "data": "{}"},
    {"type": "call.ended", "call": "call_x", "sequence": "1", "state": "dead", "data": "{}"},
]


@pytest.mark.parametrize("foreign", FOREIGN, ids=["fields", "bytes", "sequence", "state"])
async def test_an_entry_that_is_not_ours_harms_nobody(
    rest: Rest, session: aiohttp.ClientSession, redis: Redis, foreign: dict[Any, Any]
) -> None:
    call_id = (await rest.placed()).removesuffix("x")
    one = f"/v1/restapi/v1-0/account/~/extension/~/ring-out/{call_id}/events"
    strange = {**foreign, "call": call_id} if "call" in foreign else foreign
    async with (
        listening(session, rest.url + PATH) as live,
        listening(session, rest.url + one) as of_one,
    ):
        await of_one.take(1)
        await redis.xadd(EVENTS, strange)
        await rest.take(call_id)
        assert [sent.data["sequence"] for sent in await live.take(1)] == [2]
        assert [sent.data["sequence"] for sent in await of_one.take(1)] == [2]
    for path in (PATH, one):
        async with listening(session, rest.url + path, "0") as kept:
            assert [sent.data["sequence"] for sent in await kept.take(2)] == [1, 2]
    timeline = await rest.ask("GET", f"/v1/calls/{call_id}/timeline")
    assert (timeline.json["complete"], len(timeline.json["events"])) == (True, 2)
