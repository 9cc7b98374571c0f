"""The streams of events as a client uses them: what is told, when they end, what is refused."""

import asyncio
import json
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from orchestrator.domain import calls
from orchestrator.domain.words import Outcome
from orchestrator.rest.app import STREAMS
from orchestrator.rest.streams import RETRY_MS, Most
from orchestrator.runtime import now
from orchestrator.settings import Settings
from tests.contract.rest.conftest import HUNG_UP, PATHS, TALKING, Rest, started
from tests.harness.redis import RedisServer
from tests.harness.sse import listening
from tests.harness.waiting import wait_until

EVENTS = "/v1/events"
OLD = "1-0"


async def _end(rest: Rest, call_id: str) -> None:
    await rest.change(call_id, lambda call: calls.ended(call, now(), Outcome.FAILED))


async def _kept(rest: Rest) -> list[tuple[str, dict[str, str]]]:
    entries = await rest.front.backend.commands.redis.xrange("ringout:v1:{ringout}:events")
    return [
        (place.decode(), {k.decode(): v.decode() for k, v in fields.items()})
        for place, fields in entries
    ]


@pytest.mark.parametrize("path", [EVENTS, *(f"{path}/{{}}/events" for path in PATHS)])
async def test_the_head_of_a_stream(rest: Rest, session: aiohttp.ClientSession, path: str) -> None:
    call_id = await rest.placed()
    async with listening(session, rest.url + path.format(call_id)) as stream:
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Accel-Buffering"] == "no"
        await _end(rest, call_id)
        await stream.next()
        assert stream.retry == str(RETRY_MS)


async def test_each_change_is_one_event_and_its_data_is_the_call(
    rest: Rest, session: aiohttp.ClientSession
) -> None:
    async with listening(session, rest.url + EVENTS) as stream:
        call_id = await rest.placed(clientReference="order 1\u00e4")
        await rest.ring(call_id)
        told = await stream.take(3)
    kept = await _kept(rest)
    assert [(one.id, one.type, one.data) for one in told] == [
        (place, fields["type"], json.loads(fields["data"])) for place, fields in kept
    ]
    assert told[-1].data == (await rest.ask("GET", f"{PATHS[0]}/{call_id}")).json


@pytest.mark.parametrize("path", PATHS)
async def test_one_call_is_told_from_now_until_it_has_ended(
    rest: Rest, session: aiohttp.ClientSession, path: str
) -> None:
    call_id, other = await rest.placed(), await rest.placed()
    await rest.ring(call_id, "s-7")
    async with listening(session, f"{rest.url}{path}/s-7/events") as stream:
        first = await stream.next()
        assert first is not None
        assert (first.type, first.data["sequence"]) == ("call.ringing", 3)
        await _end(rest, other)
        await rest.see(call_id, TALKING)
        await rest.see(call_id, HUNG_UP)
        assert [one.type for one in await stream.rest()] == ["call.connected", "call.ended"]
    assert {one.data["id"] for one in stream.received} == {call_id}


async def test_one_call_is_taken_up_again_where_it_was_left(
    rest: Rest, session: aiohttp.ClientSession
) -> None:
    call_id = await rest.placed()
    url = f"{rest.url}{PATHS[0]}/{call_id}/events"
    async with listening(session, url) as stream:
        assert await stream.next() is not None
    await rest.ring(call_id)
    await rest.placed()
    async with listening(session, url, stream.last_id) as again:
        assert [one.data["sequence"] for one in await again.take(2)] == [2, 3]
        await _end(rest, call_id)
        assert [one.type for one in await again.rest()] == ["call.ended"]


async def test_who_has_the_last_event_of_a_call_is_told_to_stay_away(
    rest: Rest, session: aiohttp.ClientSession
) -> None:
    call_id = await rest.placed()
    path = f"{PATHS[0]}/{call_id}/events"
    await _end(rest, call_id)
    async with listening(session, rest.url + path) as stream:
        assert [one.type for one in await stream.rest()] == ["call.ended"]
    answer = await rest.ask("GET", path, headers={"Last-Event-ID": stream.last_id})
    assert (answer.status, answer.raw) == (204, b"")
    async with listening(session, rest.url + path, "0") as again:
        assert [one.data["sequence"] for one in await again.rest()] == [1, 2]


async def test_a_call_whose_events_are_gone_is_told_as_it_is(
    rest: Rest, session: aiohttp.ClientSession
) -> None:
    call_id = await rest.placed()
    await _end(rest, call_id)
    await rest.front.backend.commands.redis.xtrim("ringout:v1:{ringout}:events", maxlen=0)
    async with listening(session, f"{rest.url}{PATHS[0]}/{call_id}/events", OLD) as stream:
        told = await stream.rest()
    assert [one.type for one in told] == ["gap", "call.ended"]
    assert told[0].data == {"oldest": None, "lastEventId": told[0].data["lastEventId"]}


FILTERS: list[tuple[dict[str, Any], set[str]]] = [
    ({"type": "call.ended"}, {"b3"}),
    ({"type": ["call.queued", "call.cancel_requested"]}, {"a1", "b1"}),
    ({"state": "placing"}, {"b2"}),
    ({"clientReference": "b"}, {"b1", "b2", "b3"}),
    ({"clientReference": "b", "state": "queued"}, {"b1"}),
    ({"accountId": "~", "extensionId": "~"}, {"a1", "b1", "b2", "b3"}),
    ({"accountId": "400129"}, set()),
    ({"extensionId": "7"}, set()),
]


@pytest.mark.parametrize(("query", "wanted"), FILTERS, ids=[str(one) for one, _ in FILTERS])
@pytest.mark.parametrize("is_live", [True, False], ids=["live", "kept"])
async def test_only_what_meets_every_filter_is_told(
    rest: Rest,
    session: aiohttp.ClientSession,
    query: dict[str, Any],
    wanted: set[str],
    *,
    is_live: bool,
) -> None:
    async def happen() -> None:
        await rest.placed(clientReference="a")
        second = await rest.placed(clientReference="b")
        await rest.take(second)
        await _end(rest, second)

    if not is_live:
        await happen()
    last = None if is_live else "0"
    async with listening(session, rest.url + EVENTS, last, **query) as stream:
        if is_live:
            await happen()
        told = await stream.take(len(wanted))
    assert {f"{one.data['clientReference']}{one.data['sequence']}" for one in told} == wanted
    assert len(told) == len(wanted)


BAD_QUERIES = {
    "unknown filter": ("?colour=red", "colour"),
    "unknown type": ("?type=call.exploded", "type"),
    "one of the types unknown": ("?type=call.ended&type=x", "type"),
    "unknown state": ("?state=dead", "state"),
    "empty type": ("?type=", "type"),
    "reference too long": (f"?clientReference={'x' * 129}", "clientReference"),
    "account": ("?accountId=a%20b", "accountId"),
    "extension": ("?extensionId=..", "extensionId"),
    "state twice": ("?state=ended&state=queued", "state"),
}


@pytest.mark.parametrize(("query", "field"), BAD_QUERIES.values(), ids=BAD_QUERIES.keys())
async def test_a_filter_that_is_not_understood(rest: Rest, query: str, field: str) -> None:
    answer = await rest.ask("GET", EVENTS + query)
    assert (answer.status, answer.json["code"]) == (422, "invalid_field")
    assert {one["field"] for one in answer.json["errors"]} == {field}


BAD_IDS = [
    "x",
    "1-",
    "-1",
    "1-2-3",
    "1.5",
    "\u0661-1",
    str(2**64),
    "1-" + "9" * 21,
    "$",
    f"{2**64 - 1}-{2**64 - 1}",
]


@pytest.mark.parametrize("last_id", BAD_IDS)
@pytest.mark.parametrize("path", [EVENTS, f"{PATHS[0]}/call_1/events"])
async def test_an_id_that_is_not_one(rest: Rest, path: str, last_id: str) -> None:
    query = await rest.ask("GET", f"{path}?lastEventId={quote(last_id)}")
    headers = {"Last-Event-ID": last_id}
    for answer, name in (
        (query, "lastEventId"),
        (await rest.ask("GET", path, headers=headers), "Last-Event-ID"),
    ):
        assert (answer.status, answer.json["code"]) == (400, "malformed_request")
        assert [one["field"] for one in answer.json["errors"]] == [name]


async def test_a_call_that_is_not_here(rest: Rest) -> None:
    for path in (f"{PATHS[0]}/call_none/events", f"{PATHS[1]}/s-404/events"):
        answer = await rest.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (404, "call_not_found")
    call_id = await rest.placed()
    elsewhere = await rest.ask("GET", f"/restapi/v1.0/account/~/extension/~/ring-out/{call_id}/x")
    assert elsewhere.status == 404


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
async def test_a_stream_is_only_read(
    rest: Rest, session: aiohttp.ClientSession, method: str
) -> None:
    async with session.request(method, rest.url + EVENTS) as response:
        assert (response.status, response.headers["Allow"]) == (405, "GET, OPTIONS")


async def test_the_header_counts_before_the_query(
    rest: Rest, session: aiohttp.ClientSession
) -> None:
    first, second = await rest.placed(), await rest.placed()
    (place, _), _ = await _kept(rest)
    async with listening(session, rest.url + EVENTS, place, lastEventId="0") as stream:
        assert [one.data["id"] for one in await stream.take(1)] == [second]
    async with listening(session, rest.url + EVENTS, lastEventId="0") as stream:
        assert [one.data["id"] for one in await stream.take(2)] == [first, second]


async def test_a_quiet_stream_shows_that_it_lives_and_how_far_it_is(
    alone: Settings, session: aiohttp.ClientSession
) -> None:
    async with (
        started(alone, heartbeat=0.05) as rest,
        listening(session, rest.url + EVENTS, type="call.ended") as stream,
    ):
        call_id = await rest.placed()
        reading = asyncio.create_task(stream.next())
        ((place, _),) = await _kept(rest)
        await wait_until(lambda: stream.comments >= 3 and stream.last_id == place)
        await _end(rest, call_id)
        told = await reading
        assert told is not None
        assert told.type == "call.ended"


async def test_only_so_many_at_once(alone: Settings, session: aiohttp.ClientSession) -> None:
    async with started(alone, most_streams=Most(2)) as rest:
        call_id = await rest.placed()
        path = f"{PATHS[0]}/{call_id}/events"
        async with listening(session, rest.url + EVENTS), listening(session, rest.url + path):
            for refused in (EVENTS, path):
                answer = await rest.ask("GET", refused)
                assert (answer.status, answer.json["code"]) == (503, "too_many_streams")
                assert int(answer.headers["Retry-After"]) >= 1

        async def is_let_in() -> bool:
            async with session.get(rest.url + EVENTS) as response:
                return response.status == 200

        await wait_until(is_let_in)


async def test_no_more_than_so_many_when_all_come_at_once(
    alone: Settings, session: aiohttp.ClientSession
) -> None:
    async with started(alone, most_streams=Most(2)) as rest:
        call_id = await rest.placed()
        path = f"{PATHS[0]}/{call_id}/events"

        async def opened() -> aiohttp.ClientResponse:
            return await session.get(rest.url + path)

        answers = await asyncio.gather(*(opened() for _ in range(12)))
        assert sorted(one.status for one in answers) == [200] * 2 + [503] * 10
        for one in answers:
            one.close()

        async def is_let_in() -> bool:
            async with session.get(rest.url + path) as response:
                return response.status == 200

        await wait_until(is_let_in)


async def test_streams_end_at_once_when_the_process_has_to(
    rest: Rest, session: aiohttp.ClientSession
) -> None:
    call_id = await rest.placed()
    async with (
        listening(session, rest.url + EVENTS) as every,
        listening(session, f"{rest.url}{PATHS[0]}/{call_id}/events") as one,
    ):
        assert await one.next() is not None
        assert rest.app[STREAMS].count == 2
        rest.waits.drain()
        assert await every.next(2) is None
        assert await one.next(2) is None
    answer = await rest.ask("GET", EVENTS)
    assert (answer.status, answer.json["code"]) == (503, "not_ready")


async def test_a_stream_is_not_opened_without_redis(
    alone: Settings, own_redis: RedisServer
) -> None:
    settings = alone.model_copy(update={"redis_url": own_redis.url})
    async with started(settings) as rest:
        own_redis.kill()
        for headers in ({}, {"Last-Event-ID": "0"}):
            answer = await rest.ask("GET", EVENTS, headers=headers)
            assert (answer.status, answer.json["code"]) == (503, "storage_unavailable")
