"""Notifications over a WebSocket: connecting, and subscribing inside."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.contract.simulator.push_kit import (
    ALL_SESSIONS,
    PATIENCE,
    SCOPE,
    SESSIONS,
    SUBSCRIPTION,
    connected,
    greeted,
    hook,
    subscribe,
    websocket_token,
)
from tests.contract.simulator.simulator_kit import HAPPY, Box, box
from tests.harness.waiting import wait_until

OWN = "/restapi/v1.0/account/400131425008/extension/400131426001"


async def sockets(api: Box) -> int:
    return int((await api.get("/__sim/sockets")).json["sockets"])


async def none_left(api: Box) -> bool:
    return await sockets(api) == 0


async def test_a_token_is_as_documented() -> None:
    async with box(scope=SCOPE) as api:
        answer = await api.ask("POST", "/restapi/oauth/wstoken")
        assert answer.status == 200
        assert answer.json.keys() == {"ws_access_token", "uri", "expires_in"}
        assert answer.json["expires_in"] == 30
        assert answer.json["uri"] == api.url.replace("http://", "ws://") + "/ws"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_token_needs_the_permission() -> None:
    async with box(scope=SCOPE.replace("WebSocketsSubscription", "")) as api:
        answer = await api.ask("POST", "/restapi/oauth/wstoken")
        assert (answer.status, answer.code) == (403, "CMN-401")
        assert answer.json["permissionName"] == "WebSocketsSubscription"


async def test_the_first_frame() -> None:
    async with box(scope=SCOPE, ws_idle=70, ws_recovery=5) as api, connected(api) as socket:
        meta, body = await socket.frame()
        assert meta.keys() == {"type", "messageId", "status", "wsc", "headers"}
        assert (meta["type"], meta["status"], meta["wsc"]["sequence"]) == (
            "ConnectionDetails",
            200,
            1,
        )
        assert body.pop("creationTime")
        assert body == {
            "maxConnectionsPerSession": 50,
            "recoveryBufferSize": 100,
            "recoveryTimeout": 5,
            "idleTimeout": 70,
            "absoluteTimeout": 86400,
            "maxActiveRequests": 10,
        }


@pytest.mark.parametrize("token", ["", "x"])
async def test_a_wrong_token(token: str) -> None:
    async with box(scope=SCOPE) as api, connected(api, token=token) as socket:
        meta, body = await socket.frame()
        assert (meta["type"], body.keys()) == ("Error", {"errorCode", "message"})
        assert await socket.ended() == 4400


async def test_a_token_opens_one_connection() -> None:
    async with box(scope=SCOPE) as api:
        token = (await websocket_token(api))["ws_access_token"]
        async with greeted(api, token=token), connected(api, token=token) as second:
            assert (await second.frame())[0]["type"] == "Error"
            assert await second.ended() == 4400


async def test_a_token_expires() -> None:
    async with box(scope=SCOPE, ws_token_life=0) as api, connected(api) as socket:
        assert (await socket.frame())[0]["type"] == "Error"


async def test_events_after_subscribing() -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        meta, one = await socket.subscribe(SESSIONS)
        assert meta["status"] == 200
        assert meta["headers"]["RCRequestId"]
        assert one["eventFilters"] == [f"{OWN}/telephony/sessions"]
        assert one["deliveryMode"] == {"transportType": "WebSocket", "encryption": False}
        assert (one["status"], one["expiresIn"]) == ("Active", 86399)
        name = await api.made()
        meta, event = await socket.frame()
        assert (meta["type"], meta["status"]) == ("ServerNotification", 200)
        assert meta["messageId"] == event["uuid"]
        assert event["subscriptionId"] == one["id"]
        assert event["body"]["telephonySessionId"] == name
        assert event["body"]["parties"][0]["from"] == {"phoneNumber": HAPPY}
        for seconds, sequence in ((2, 2), (13, 4)):
            await api.advance(seconds)
            assert (await socket.event())["body"]["sequence"] == sequence


async def test_many_events_come_in_order() -> None:
    async with box(scope=SCOPE, target_leg="report") as api, greeted(api) as (socket, _):
        await socket.subscribe(ALL_SESSIONS)
        for number in range(2, 22):
            api.token = f"simulator-key.{number}"
            await api.made()
        await api.advance(15)
        events = [await socket.event() for _ in range(80)]
        by_call: dict[str, list[int]] = {}
        for event in events:
            body = event["body"]
            by_call.setdefault(body["telephonySessionId"], []).append(body["sequence"])
        assert list(by_call.values()) == [[1, 2, 3, 4]] * 20


async def test_heartbeats_and_pings_are_answered() -> None:
    async with box(scope=SCOPE) as api, greeted(api, autoping=False) as (socket, _):
        await socket.socket.send_json([{"type": "Heartbeat", "messageId": "7"}])
        assert await socket.frame() == ({"type": "Heartbeat", "messageId": "7"}, None)
        await socket.socket.ping(b"x")
        message = await socket.socket.receive(PATIENCE)
        assert (message.type, bytes(message.data)) == (aiohttp.WSMsgType.PONG, b"x")


@pytest.mark.parametrize("text", ["x", "{}", "[]", "[7]", '[{"type": "Heartbeat"}]', '["x"]'])
async def test_what_is_no_frame_is_answered_by_an_error(text: str) -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        await socket.socket.send_str(text)
        meta, body = await socket.frame()
        assert (meta["type"], body["errorCode"]) == ("Error", "WSG-400")
        assert (await socket.subscribe())[0]["status"] == 200


async def test_a_second_subscription_takes_the_place_of_the_first() -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        _, first = await socket.subscribe(SESSIONS)
        _, second = await socket.subscribe(ALL_SESSIONS)
        assert first["id"] != second["id"]
        listed = (await api.get(SUBSCRIPTION)).json["records"]
        assert [one["id"] for one in listed] == [second["id"]]
        await api.made()
        assert (await socket.event())["subscriptionId"] == second["id"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", SUBSCRIPTION, {}, 400, "CMN-101"),
        ("POST", SUBSCRIPTION, {"deliveryMode": {"transportType": "WebHook"}}, 400, "CMN-101"),
        ("POST", "/restapi/v1.0/account/~", {}, 404, "CMN-120"),
        ("GET", f"{SUBSCRIPTION}/x", {}, 404, "CMN-102"),
        ("PATCH", f"{SUBSCRIPTION}/x", {}, 404, "CMN-120"),
    ],
)
async def test_requests_that_are_refused(
    method: str, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        meta, answer = await socket.ask(method, path, body)
        assert (meta["status"], answer["errorCode"]) == (status, code)
        assert (await socket.subscribe())[0]["status"] == 200


async def test_reading_changing_and_ending_inside() -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        path = f"{SUBSCRIPTION}/{(await socket.subscribe())[1]['id']}"
        assert (await socket.ask("GET", path))[1]["status"] == "Active"
        changed = await socket.ask("PUT", path, {"eventFilters": [ALL_SESSIONS]})
        assert changed[1]["eventFilters"] == [
            "/restapi/v1.0/account/400131425008/telephony/sessions"
        ]
        api.token = "simulator-key.2"
        await api.made()
        await socket.event()
        meta, body = await socket.ask("DELETE", path)
        assert (meta["status"], body) == (204, None)
        await api.advance(15)
        assert (await socket.ask("GET", path))[0]["status"] == 404


async def test_it_cannot_be_changed_by_rest() -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        path = f"{SUBSCRIPTION}/{(await socket.subscribe())[1]['id']}"
        assert (await api.ask("PUT", path)).code == "SUB-511"
        assert (await api.ask("POST", f"{path}/renew")).code == "SUB-511"
        assert (await api.get(path)).json["deliveryMode"]["transportType"] == "WebSocket"
        assert (await api.ask("DELETE", path)).status == 204


async def test_a_filter_without_its_permission_is_off() -> None:
    scope = SCOPE.replace("CallControl", "")
    async with box(scope=scope) as api, greeted(api) as (socket, _):
        meta, one = await socket.subscribe()
        assert (meta["status"], one["eventFilters"]) == (200, [])
        assert one["disabledFilters"][0]["filter"] == f"{OWN}/telephony/sessions"


async def test_requests_inside_are_counted_and_kept_in_the_journal() -> None:
    async with box(scope=SCOPE, limits="medium=2/60") as api, greeted(api) as (socket, _):
        for remaining in ("1", "0"):
            meta, _ = await socket.subscribe()
            assert meta["headers"]["X-Rate-Limit-Remaining"] == remaining
        meta, body = await socket.subscribe()
        assert (meta["status"], body["errorCode"]) == (429, "CMN-301")
        assert meta["headers"]["Retry-After"] == "60"
        async with hook() as told:
            assert (await subscribe(api, told)).status == 429
        journal = (await api.get("/__sim/requests", operation="subscribe")).json["requests"]
        assert [one["status"] for one in journal] == [200, 200, 429, 429]
        assert api.world.stats()["answers_by_status"]["429"] == 2


async def test_faults_strike_inside() -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        await api.fault("subscribe", "status", status=503)
        meta, body = await socket.subscribe()
        assert (meta["status"], body["errorCode"]) == (503, "CMN-201")
        assert (await socket.subscribe())[0]["status"] == 200


@pytest.mark.parametrize(
    ("tuning", "code", "message"),
    [
        ({"ws_idle": 0.05}, "WSG-902", "Idle timeout expired"),
        ({"ws_absolute": 0.05}, "WSG-903", "Absolute timeout expired"),
    ],
)
async def test_a_connection_ends_by_itself(tuning: dict[str, Any], code: str, message: str) -> None:
    async with box(scope=SCOPE, **tuning) as api, greeted(api) as (socket, _):
        meta, body = await socket.frame()
        assert meta["type"] == "Error"
        assert body == {"errorCode": code, "message": message}
        assert await socket.ended() == 1000
        await wait_until(lambda: none_left(api))


async def test_a_client_that_answers_no_ping_is_cut_off() -> None:
    async with box(scope=SCOPE, ws_ping=0.05) as api, greeted(api, autoping=False) as (socket, _):
        message = await socket.socket.receive(PATIENCE)
        assert message.type is aiohttp.WSMsgType.PING
        await wait_until(lambda: none_left(api))


async def test_a_client_that_answers_pings_is_not() -> None:
    async with box(scope=SCOPE, ws_ping=0.02) as api, greeted(api) as (socket, _):
        pings = 0

        async def many_pings() -> bool:
            nonlocal pings
            pings += 1
            assert await sockets(api) == 1
            return pings > 5

        reading = asyncio.ensure_future(socket.event())
        await wait_until(many_pings, every=0.03)
        reading.cancel()
