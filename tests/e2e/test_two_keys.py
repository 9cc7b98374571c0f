"""Two keys of the command line, over real processes: what is another's is as what never was."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from tests.contract.mcp.access_kit import CANCEL, HEADERS, MAKE, STATUS
from tests.e2e.credentials_kit import CALLEE, CALLER, ringout
from tests.e2e.webhook_kit import QUICK
from tests.harness.api_keys import bearer
from tests.harness.processes import Fleet
from tests.harness.redis import RedisServer
from tests.harness.sse import Listener
from tests.harness.waiting import wait_until

SCOPES = "calls:create calls:read calls:cancel webhooks"
NOWHERE = "http://127.0.0.1:9/"
CALL = {"from": {"phoneNumber": CALLER}, "to": {"phoneNumber": CALLEE}, "clientReference": "x"}
MANY = "/v1/restapi/v1-0/account/~/extension/~/ring-out"
ALIAS = "/restapi/v1.0/account/~/extension/~/ring-out"
WEBHOOK, OF_DELIVERY = "/v1/webhooks/{webhook}", "/v1/deliveries/{delivery}"
UNKNOWN = {
    "call": "call_" + "0" * 32,
    "waiting": "call_" + "1" * 32,
    "ringout": "s-99999",
    "webhook": "wh_" + "0" * 32,
    "delivery": "dlv_" + "0" * 32,
    "callback": "dlv_" + "1" * 32,
}
"""What never was, by what `one` has made: a call that was placed, one that waits, the first one's
ring-out, a webhook, a delivery to it and one to the call's callbackUrl."""

Said = tuple[int, bytes, dict[str, str]]


@dataclass(frozen=True)
class World:
    """The processes, the keys, and the ids of what `one` has made."""

    fleet: Fleet
    session: aiohttp.ClientSession
    rest: str
    mcp: str
    keys: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)

    async def said(
        self, who: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Said:
        """What REST answers, but for the date."""
        target = URL(self.rest + path, encoded=True)
        shown = {**bearer(self.keys[who]), **headers}
        async with self.session.request(method, target, json=body, headers=shown) as answer:
            told = {k.lower(): v for k, v in answer.headers.items() if k.lower() != "date"}
            return answer.status, await answer.read(), told

    async def asked(
        self, who: str, method: str, path: str, body: Any = None, **headers: str
    ) -> Any:
        """The JSON that REST answers to what it does."""
        status, raw, _ = await self.said(who, method, path, body, **headers)
        assert status < 300, (method, path, status, raw)
        return json.loads(raw or b"null")

    async def rpc(self, who: str, method: str, about: str, **params: Any) -> tuple[int, Any]:
        """What MCP answers."""
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
        told = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": about}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
        shown = {**HEADERS, **bearer(self.keys[who]), **told}
        async with self.session.post(self.mcp, json=body, headers=shown) as answer:
            text = await answer.text()
        lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
        return answer.status, json.loads(lines[-1] if lines else text)

    async def tool(self, who: str, name: str, **arguments: Any) -> tuple[int, Any]:
        """What a tool answers."""
        return await self.rpc(who, "tools/call", name, name=name, arguments=arguments)

    async def listening(self, who: str, path: str, **headers: str) -> Listener:
        """An event stream, open."""
        shown = {**bearer(self.keys[who]), **headers}
        timeout = aiohttp.ClientTimeout(total=None)
        answer = await self.session.get(self.rest + path, headers=shown, timeout=timeout)
        assert answer.status == 200
        return Listener(answer)

    async def kept(self) -> list[Any]:
        """What `one` has made, as `one` sees it."""
        return [await self.asked("one", "GET", path.format(**self.ids)) for path in READ]


def created(fleet: Fleet, scopes: str) -> str:
    """A key, made as a person makes one."""
    (text,) = ringout(fleet, "keys", "create", "--scope", scopes).lines
    return text


async def _fill(world: World) -> None:
    """`one` makes a call that is placed and ends, its deliveries, and a call that waits."""
    webhook = (await world.asked("one", "POST", "/v1/webhooks", {"url": NOWHERE}))["id"]
    wish = {**CALL, "callbackUrl": NOWHERE + "call"}
    call = (await world.asked("one", "POST", MANY, wish))["id"]

    async def over() -> Any:
        found = await world.asked("one", "GET", f"{MANY}/{call}")
        return found if found["state"] == "ended" else None

    async def settled() -> Any:
        listed = (await world.asked("one", "GET", "/v1/deliveries"))["deliveries"]
        is_settled = listed and all(each["state"] == "dead" for each in listed)
        return {each["webhook"]: each["id"] for each in listed} if is_settled else None

    ringout_id = (await wait_until(over, 40))["ringoutId"]
    await world.asked("ops", "PUT", "/v1/pause", {"reason": "a test"})
    await world.asked("one", "PATCH", f"/v1/webhooks/{webhook}", {"eventTypes": ["call.ended"]})
    waiting = (await world.asked("one", "POST", MANY, CALL))["id"]
    known = await wait_until(settled, 40)
    made = (call, waiting, ringout_id, webhook, known[webhook], known[None])
    world.ids.update(zip(UNKNOWN, made, strict=True))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    server = RedisServer(tmp_path_factory.mktemp("two-keys"))
    server.start()
    fleet = Fleet(
        {
            "REDIS_URL": server.url,
            "RINGOUT_PREFLIGHT": "off",
            "RINGOUT_NOTIFICATIONS": "off",
            "RINGOUT_CADENCE_FACTOR": "0.1",
            "RINGOUT_CALLBACK_SECRET": "whsec_" + "A" * 43 + "=",
            "RINGOUT_REST_PORT": "0",
            "RINGOUT_MCP_PORT": "0",
            **QUICK,
        }
    )
    try:
        fleet.simulator(RINGOUT_SIMULATOR_SPEED="20", RINGOUT_SIMULATOR_LIMITS="off")
        keys = {who: created(fleet, SCOPES) for who in ("one", "other", "idle")}
        keys |= {"ops": created(fleet, SCOPES + " ops")}
        keys |= {"blind": created(fleet, "calls:create calls:cancel")}
        rest, mcp = (fleet.command(name) for name in ("rest", "mcp"))
        fleet.worker()
        urls = [
            process.line_with(f"{name} listening on").rsplit(" ", 1)[1].rstrip("/")
            for process, name in ((rest, "rest"), (mcp, "mcp"))
        ]
        async with aiohttp.ClientSession() as session:
            world = World(fleet, session, urls[0], urls[1], keys)
            await _fill(world)
            yield world
    finally:
        fleet.close()
        server.kill()


@pytest.fixture
def world(_world: World, session: aiohttp.ClientSession) -> World:
    """Shared by the tests of this module: what is refused changes nothing."""
    return replace(_world, session=session)


PLACES = [f"{many}/{{{name}}}" for many in (MANY, ALIAS) for name in ("call", "waiting", "ringout")]
OVER_REST: list[tuple[str, str, Any, dict[str, str]]] = [
    *[(method, place, None, {}) for place in PLACES for method in ("GET", "HEAD", "DELETE")],
    *[("GET", place + "/events", None, {}) for place in PLACES],
    ("GET", f"{MANY}/{{waiting}}/events", None, {"Last-Event-ID": "1-0"}),
    ("GET", f"{MANY}/{{waiting}}", None, {"Prefer": "wait=30", "If-None-Match": "*"}),
    ("GET", f"{MANY}/{{call}}", None, {"Cache-Control": "no-cache"}),
    ("GET", f"{MANY}/{{ringout}}", None, {"Cache-Control": "max-age=0"}),
    ("DELETE", f"{MANY}/{{waiting}}", None, {"Prefer": "wait=30"}),
    ("GET", "/v1/restapi/v1-0/account/1/extension/2/ring-out/{call}", None, {}),
    ("GET", "/v1/calls/{call}/timeline", None, {}),
    ("GET", WEBHOOK, None, {}),
    ("PATCH", WEBHOOK, {"enabled": False}, {}),
    ("DELETE", WEBHOOK, None, {}),
    ("POST", WEBHOOK + "/rotate-secret", {}, {}),
    ("POST", WEBHOOK + "/test", None, {}),
    ("POST", WEBHOOK + "/redeliver", {"since": "2020-01-01T00:00:00Z"}, {}),
    ("GET", WEBHOOK + "/deliveries?state=dead", None, {}),
    ("GET", OF_DELIVERY, None, {}),
    ("POST", OF_DELIVERY + "/redeliver", None, {}),
    ("GET", "/v1/deliveries/{callback}", None, {}),
    ("POST", "/v1/deliveries/{callback}/redeliver", None, {}),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"), OVER_REST, ids=lambda one: str(one)[-48:]
)
async def test_over_rest(
    world: World, method: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    before = await world.kept()
    theirs, unknown = [
        await world.said("other", method, path.format(**ids), body, **headers)
        for ids in (world.ids, UNKNOWN)
    ]
    assert theirs == unknown
    assert theirs[0] == 404
    assert await world.kept() == before


async def _resource(world: World, who: str, call: str) -> tuple[int, Any]:
    uri = f"ringout://calls/{call}"
    return await world.rpc(who, "resources/read", uri, uri=uri)


async def _watched(world: World, who: str, call: str) -> tuple[int, Any]:
    wanted = {"resourceSubscriptions": [f"ringout://calls/{call}"]}
    return await world.rpc(who, "subscriptions/listen", "", notifications=wanted)


Ask = Callable[[World, str, str], Awaitable[tuple[int, Any]]]
OVER_MCP: dict[str, Ask] = {
    STATUS: lambda world, who, call: world.tool(who, STATUS, ringoutId=call),
    CANCEL: lambda world, who, call: world.tool(who, CANCEL, ringoutId=call),
    "resource": _resource,
    "listen": _watched,
}


@pytest.mark.parametrize("name", OVER_MCP)
@pytest.mark.parametrize("what", ["call", "waiting", "ringout"])
async def test_over_mcp(world: World, name: str, what: str) -> None:
    before = await world.kept()
    theirs, unknown = [
        await OVER_MCP[name](world, "other", ids[what]) for ids in (world.ids, UNKNOWN)
    ]
    said = json.dumps(theirs)
    assert said.replace(world.ids[what], UNKNOWN[what]) == json.dumps(unknown)
    assert "There is no such call" in said
    assert await world.kept() == before


READ = [
    path
    for method, path, _, headers in OVER_REST
    if method == "GET" and not path.endswith("/events") and "/1/" not in path and not headers
]


async def test_its_owner_may(world: World) -> None:
    assert len(await world.kept()) == len(READ) > 10
    for what in ("call", "waiting", "ringout"):
        status, answer = await world.tool("one", STATUS, ringoutId=world.ids[what])
        assert (status, answer["result"]["isError"]) == (200, False)
        assert (await _resource(world, "one", world.ids[what]))[1]["result"]["contents"]


LISTS = [
    "/v1/calls",
    "/v1/calls?clientReference=x",
    "/v1/calls?state=queued&accountId=~&extensionId=~",
    "/v1/webhooks",
    "/v1/deliveries",
    "/v1/deliveries?state=dead",
]


@pytest.mark.parametrize("path", LISTS)
async def test_lists_and_cursors(world: World, path: str) -> None:
    name = path.partition("?")[0].rpartition("/")[2]
    for who in ("one", "ops"):
        assert (await world.asked(who, "GET", path))[name]
    found = await world.said("idle", "GET", path)
    assert (json.loads(found[1])[name], json.loads(found[1]).get("next")) == ([], None)
    if name == "webhooks":
        return
    mark = "&" if "?" in path else "?"
    first = await world.asked("ops", "GET", f"{path}{mark}limit=1")
    for member in (world.ids["waiting"], UNKNOWN["call"], "~"):
        made_up = base64.urlsafe_b64encode(f"{10**14}:{member}".encode()).decode().rstrip("=")
        for cursor in filter(None, (first.get("next"), made_up)):
            query = cursor.rpartition("cursor=")[2]
            status, raw, _ = await world.said("idle", "GET", f"{path}{mark}cursor={query}")
            assert (status, json.loads(raw)[name]) == (200, [])


async def _told(world: World, who: str, **headers: str) -> tuple[Listener, set[str]]:
    """A stream from a place on, and whose calls it has told of when it tells of the last one."""
    stream = await world.listening(who, "/v1/events", **headers)
    mine = (await world.asked(who, "POST", MANY, CALL))["id"]
    seen: set[str] = set()
    while mine not in seen:
        sent = await stream.next()
        assert sent is not None
        seen.add(sent.data["id"])
    return stream, seen - {mine}


@pytest.mark.parametrize("last", [None, "0-0", "1-0"])
async def test_events_of_all_calls(world: World, last: str | None) -> None:
    headers = {} if last is None else {"Last-Event-ID": last}
    live = await world.listening("other", "/v1/events")
    own = (await world.asked("one", "POST", MANY, CALL))["id"]
    stream, seen = await _told(world, "other", **headers)
    theirs = {each["id"] for each in (await world.asked("other", "GET", "/v1/calls"))["calls"]}
    assert seen <= theirs
    sent = await live.next()
    assert sent is not None
    assert sent.data["id"] in theirs - {own}
    wide, everything = await _told(world, "ops", **{"Last-Event-ID": "0-0"})
    assert {*world.ids.values(), own} & everything == {
        world.ids["call"],
        world.ids["waiting"],
        own,
    }
    for each in (live, stream, wide):
        each.response.close()


async def test_idempotency_keys(world: World) -> None:
    first = await world.asked("one", "POST", MANY, CALL, **{"Idempotency-Key": "the same"})
    changed = {**CALL, "clientReference": "y"}
    for who in ("other", "ops", "blind"):
        for body, status in ((CALL, 202), (changed, 422)):
            said = await world.said(who, "POST", MANY, body, **{"Idempotency-Key": "the same"})
            assert said[0] == status
            assert first["id"].encode() not in said[1]
            assert "idempotency-replayed" not in said[2]
    arguments = {"body": CALL, "idempotencyKey": "the same"}
    made = [(await world.tool(who, MAKE, **arguments))[1]["result"] for who in ("one", "other")]
    same, other_s = (each["structuredContent"]["id"] for each in made)
    assert same == first["id"] != other_s


async def test_double_clicks(world: World) -> None:
    process = world.fleet.command("rest", RINGOUT_DOUBLE_CLICK="60")
    url = process.line_with("rest listening on").rsplit(" ", 1)[1].rstrip("/")
    there = replace(world, rest=url)
    first = await there.asked("one", "POST", MANY, CALL)
    assert (await there.asked("one", "POST", ALIAS, CALL))["id"] == first["id"]
    for who in ("other", "ops", "blind"):
        said = await there.said(who, "POST", MANY, CALL)
        assert json.loads(said[1])["id"] != first["id"]
        assert "ringout-double-click" not in said[2]
    process.terminate()


async def test_a_key_that_may_not_read_reads_nothing(world: World) -> None:
    created = await world.said("blind", "POST", MANY, CALL, Prefer="wait=1")
    own = json.loads(created[1])["id"]
    for path in (
        f"{MANY}/{own}",
        f"{ALIAS}/{own}",
        f"{MANY}/{own}/events",
        f"/v1/calls/{own}/timeline",
        "/v1/calls",
        "/v1/events",
    ):
        for headers in ({}, {"Prefer": "wait=1", "If-None-Match": "*"}):
            found = await world.said("blind", "GET", path, **headers)
            assert (found[0], json.loads(found[1])["code"]) == (403, "insufficient_scope")
            assert own.encode() not in found[1]
    for ask in (OVER_MCP[STATUS], OVER_MCP["resource"], OVER_MCP["listen"]):
        said = json.dumps(await ask(world, "blind", own))
        assert "insufficient_scope" in said
    assert (await world.said("blind", "DELETE", f"{MANY}/{own}", Prefer="wait=1"))[0] in (200, 202)


async def test_a_revoked_key_has_no_webhooks(world: World) -> None:
    key = created(world.fleet, SCOPES)
    with_it = replace(world, keys={**world.keys, "gone": key})
    webhook = await with_it.asked("gone", "POST", "/v1/webhooks", {"url": NOWHERE})
    ringout(world.fleet, "keys", "revoke", key.split("_")[2])
    assert (await with_it.said("gone", "GET", "/v1/webhooks"))[0] == 401
    assert (await with_it.rpc("gone", "tools/list", ""))[0] == 401
    shown = await world.asked("ops", "GET", f"/v1/webhooks/{webhook['id']}")
    assert (shown["enabled"], shown["disabled"]["code"]) == (False, "key_revoked")
    of_one = await world.asked("ops", "GET", f"/v1/webhooks/{world.ids['webhook']}")
    assert of_one["enabled"]


async def test_a_webhook_is_told_of_no_other_s_calls(world: World) -> None:
    hook = (await world.asked("other", "POST", "/v1/webhooks", {"url": NOWHERE}))["id"]
    await world.asked("one", "POST", MANY, CALL)
    own = (await world.asked("other", "POST", MANY, CALL))["id"]

    async def told() -> Any:
        page = await world.asked("other", "GET", f"/v1/webhooks/{hook}/deliveries")
        calls = {each["call"] for each in page["deliveries"]}
        return calls if own in calls else None

    assert await wait_until(told) == {own}
    await world.said("other", "DELETE", f"/v1/webhooks/{hook}")
