"""Over HTTP: what is another's is answered byte for byte as what never was, and never told."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from orchestrator.domain.access import HOUSE
from orchestrator.rest.app import WAITS, build
from orchestrator.rest.asker import ASKER
from orchestrator.rest.server import Runner
from orchestrator.rest.streams import Most
from orchestrator.runtime import delivery_job, front_end, now
from orchestrator.settings import Settings
from orchestrator.storage.dispatching import Dispatching, New
from tests.contract.rest.conftest import BODY, PATHS, Rest
from tests.contract.rest.documented import Answer
from tests.harness.owners import ONE, OPERATOR, OTHER
from tests.harness.sse import Listener, listening
from tests.harness.waiting import wait_until

EVENTS = "/v1/events"
WHO = "Asker"
_KNOWN = {one.name: one for one in (ONE, OTHER, OPERATOR, HOUSE)}
DELIVERY, CALLBACK = "dlv_" + "a" * 32, "dlv_" + "b" * 32
NOBODY = {
    "{call}": "call_" + "0" * 32,
    "{ringout}": "s-9",
    "{webhook}": "wh_" + "0" * 32,
    "{delivery}": "dlv_" + "0" * 32,
    "{callback}": "dlv_" + "1" * 32,
}


@web.middleware
async def _named(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Authentication is tested elsewhere: here a header says who asks."""
    request[ASKER] = _KNOWN[request.headers.get(WHO, HOUSE.name)]
    return await handler(request)


@pytest.fixture
async def rest(alone: Settings) -> AsyncIterator[Rest]:
    """A front end that believes who its clients say they are; two streams a key."""
    async with front_end(alone) as front, aiohttp.ClientSession() as session:
        app = build(front, Most(10, 2), 0.2)
        app.middlewares.append(_named)
        runner = Runner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Rest(front, app, f"http://127.0.0.1:{runner.addresses[0][1]}", session)
        finally:
            app[WAITS].drain()
            await session.close()
            await runner.cleanup()


async def ask(rest: Rest, who: str, method: str, path: str, **options: Any) -> Answer:
    """One request by one of them."""
    headers = {WHO: who, **options.pop("headers", {})}
    return await rest.ask(method, path, headers=headers, **options)


async def placed(rest: Rest, who: str, **more: Any) -> str:
    """A call; its id."""
    answer = await ask(rest, who, "POST", PATHS[0], json={**BODY, **more})
    assert answer.status == 202, answer
    return str(answer.json["id"])


@pytest.fixture
async def ids(rest: Rest) -> dict[str, str]:
    """What `one` has made."""
    call = await placed(rest, "one", clientReference="a")
    await rest.ring(call, "s-1")
    made = await ask(rest, "one", "POST", "/v1/webhooks", json={"url": "https://example.com/"})
    backend = rest.front.backend
    dispatching = Dispatching(backend.commands, backend.blocking, now, delivery_job)
    for name, webhook in ((DELIVERY, made.json["id"]), (CALLBACK, "callback")):
        new = New(name, webhook, "1-0", "call.queued", call, "1", now(), "{}", ONE.owner)
        await dispatching.write_one(new)
    found = ("s-1", made.json["id"], DELIVERY, CALLBACK)
    return dict(zip(NOBODY, (call, *found), strict=True))


ONE_CALL = [
    (method, f"{path}/{name}{suffix}", None)
    for path in PATHS
    for name in ("{call}", "{ringout}")
    for method, suffix in (("GET", ""), ("DELETE", ""), ("GET", "/events"))
]
WEBHOOK, OF_DELIVERY = "/v1/webhooks/{webhook}", "/v1/deliveries/{delivery}"
ACTS: list[tuple[str, str, Any]] = [
    *ONE_CALL,
    ("GET", PATHS[0].replace("~", "123") + "/{call}", None),
    ("GET", "/v1/calls/{call}/timeline", None),
    ("GET", WEBHOOK, None),
    ("PATCH", WEBHOOK, {"enabled": False}),
    ("PATCH", WEBHOOK, {"url": "http://127.0.0.1/"}),
    ("DELETE", WEBHOOK, None),
    ("POST", WEBHOOK + "/rotate-secret", {}),
    ("POST", WEBHOOK + "/test", None),
    ("POST", WEBHOOK + "/redeliver", {"since": "2020-01-01T00:00:00Z"}),
    ("GET", WEBHOOK + "/deliveries", None),
    ("GET", WEBHOOK + "/deliveries?state=pending", None),
    ("GET", OF_DELIVERY, None),
    ("POST", OF_DELIVERY + "/redeliver", None),
    ("GET", "/v1/deliveries/{callback}", None),
    ("POST", "/v1/deliveries/{callback}/redeliver", None),
]


def _filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace(name, value)
    return path


@pytest.mark.parametrize(("method", "path", "body"), ACTS, ids=lambda one: str(one)[-60:])
async def test_another_s_id_is_answered_as_one_that_never_was(
    rest: Rest, ids: dict[str, str], method: str, path: str, body: Any
) -> None:
    answers = [
        await ask(rest, "other", method, _filled(path, known), json=body) for known in (ids, NOBODY)
    ]
    theirs, unknown = (
        (one.status, one.raw, {k: v for k, v in one.headers.items() if k != "Date"})
        for one in answers
    )
    assert theirs == unknown
    assert theirs[0] == 404
    for value in ids.values():
        assert value.encode() not in theirs[1]


async def test_a_held_request_is_not_held_for_another(rest: Rest, ids: dict[str, str]) -> None:
    path = f"{PATHS[0]}/{ids['{call}']}"
    for method in ("GET", "DELETE"):
        wait = {"Prefer": "wait=30", "If-None-Match": "*"}
        answer = await ask(rest, "other", method, path, headers=wait)
        assert answer.status == 404


async def test_lists_and_their_filters_tell_of_one_s_own(rest: Rest, ids: dict[str, str]) -> None:
    for path in (
        "/v1/calls",
        "/v1/calls?clientReference=a",
        "/v1/calls?state=ringing",
        "/v1/calls?accountId=~&extensionId=~",
        "/v1/deliveries",
        "/v1/deliveries?state=pending",
        "/v1/webhooks",
    ):
        (name,) = {"calls", "deliveries", "webhooks"} & set(path.replace("?", "/").split("/"))
        empty = await ask(rest, "other", "GET", path)
        assert (empty.json[name], empty.json.get("next")) == ([], None)
        assert "Link" not in empty.headers
        for who in ("one", "operator"):
            assert (await ask(rest, who, "GET", path)).json[name], (who, path)


async def test_who_made_a_webhook_is_shown_to_who_runs_the_house(
    rest: Rest, ids: dict[str, str]
) -> None:
    path = _filled(WEBHOOK, ids)
    assert "owner" not in (await ask(rest, "one", "GET", path)).json
    assert (await ask(rest, "operator", "GET", path)).json["owner"] == ONE.owner


async def _listening(
    rest: Rest, session: aiohttp.ClientSession, who: str, last: str | None
) -> Listener:
    headers = {WHO: who} | ({"Last-Event-ID": last} if last else {})
    timeout = aiohttp.ClientTimeout(total=None)
    response = await session.get(rest.url + EVENTS, headers=headers, timeout=timeout)
    assert response.status == 200
    return Listener(response)


@pytest.mark.parametrize("last", [None, "0"], ids=["live", "resumed"])
async def test_a_stream_tells_of_one_s_own_calls(
    rest: Rest, session: aiohttp.ClientSession, last: str | None
) -> None:
    early = {who: await placed(rest, who) for who in ("one", "other", "house")} if last else {}
    streams = {
        who: await _listening(rest, session, who, last) for who in ("one", "other", "operator")
    }
    late = {who: await placed(rest, who) for who in ("one", "house", "other", "one")}
    every = [*early.values()]
    for who in ("one", "other"):
        mine = [made[who] for made in (early, late) if who in made]
        told = [sent.data["id"] for sent in await streams[who].take(len(mine))]
        if who == "other":
            assert told == mine
        else:
            assert not {early.get("other"), late["other"], late["house"]} & set(told)
    count = len(every) + 4
    seen = {sent.data["id"] for sent in await streams["operator"].take(count)}
    assert seen >= {*every, *late.values()}
    await _only_moves_on(rest, streams["other"])
    for stream in streams.values():
        stream.response.close()


async def _only_moves_on(rest: Rest, quiet: Listener) -> None:
    """Marks without content move the place to the end of the stream, and nothing is told."""
    redis = rest.front.backend.commands.redis
    ((place, _),) = await redis.xrevrange("ringout:v1:{ringout}:events", count=1)
    before = len(quiet.received)

    async def is_there() -> bool:
        try:
            await quiet.next(1.0)
        except TimeoutError:
            return bool(quiet.last_id == place.decode())
        return False

    await wait_until(is_there)
    assert len(quiet.received) == before


async def test_one_key_has_so_many_streams_and_no_other_suffers(
    rest: Rest, session: aiohttp.ClientSession
) -> None:
    streams = [await _listening(rest, session, "one", None) for _ in range(2)]
    refused = await ask(rest, "one", "GET", EVENTS)
    assert (refused.status, refused.json["code"]) == (503, "too_many_streams")
    assert "This key" in refused.json["detail"]
    assert int(refused.headers["Retry-After"]) >= 1
    streams.append(await _listening(rest, session, "other", None))
    async with (
        listening(session, rest.url + EVENTS),
        listening(session, rest.url + EVENTS),
        listening(session, rest.url + EVENTS),
    ):
        streams.pop(0).response.close()

        async def is_let_in() -> bool:
            async with session.get(rest.url + EVENTS, headers={WHO: "one"}) as answer:
                return answer.status == 200

        await wait_until(is_let_in)
    for stream in streams:
        stream.response.close()


async def test_an_idempotency_key_and_a_location_are_one_owner_s(rest: Rest) -> None:
    key = {"Idempotency-Key": "the same"}
    first = await ask(rest, "one", "POST", PATHS[0], json=BODY, headers=key)
    second = await ask(rest, "other", "POST", PATHS[0], json=BODY, headers=key)
    third = await ask(rest, "other", "POST", PATHS[0], json={**BODY, "country": {"id": "1"}})
    assert len({first.json["id"], second.json["id"], third.json["id"]}) == 3
    assert "Idempotency-Replayed" not in second.headers
    where = first.headers["Location"].removeprefix(rest.url)
    path = where[where.index("/v1/") :]
    assert (await ask(rest, "one", "GET", path)).status == 200
    refused = await ask(rest, "other", "GET", path)
    assert (refused.status, refused.json["code"]) == (404, "call_not_found")
