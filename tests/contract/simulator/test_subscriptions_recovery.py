"""WebSocket connections that are lost, and what is recovered."""

import aiohttp
import pytest

from tests.contract.simulator.push_kit import (
    FOREVER,
    PATIENCE,
    SCOPE,
    SUBSCRIPTION,
    connected,
    greeted,
    websocket_token,
)
from tests.contract.simulator.simulator_kit import Box, box
from tests.harness.waiting import wait_until


async def sockets(api: Box) -> int:
    return int((await api.get("/__sim/sockets")).json["sockets"])


async def none_left(api: Box) -> bool:
    return await sockets(api) == 0


@pytest.mark.parametrize(("how", "code"), [("abort", 1006), ("close", 1001)])
async def test_all_connections_are_dropped(how: str, code: int) -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (one, _), greeted(api) as (two, _):
        assert await sockets(api) == 2
        assert await api.sim("sockets/drop", how=how) == {"dropped": 2}
        assert [await one.ended(), await two.ended()] == [code, code]
        await wait_until(lambda: none_left(api))


async def test_a_lost_connection_is_recovered_with_what_was_missed() -> None:
    async with box(scope=SCOPE) as api:
        async with greeted(api) as (socket, wsc):
            _, one = await socket.subscribe()
            await api.made()
            await socket.event()
            await api.sim("sockets/drop")
            await socket.ended()
        await wait_until(lambda: none_left(api))
        await api.advance(2)
        async with connected(api, wsc=wsc) as socket:
            meta, body = await socket.frame()
            assert (meta["type"], body["recoveryState"]) == ("ConnectionDetails", "Successful")
            assert "recoveryErrorCode" not in body
            assert [one.expiry for one in api.world.gateway.connected()] == [None]
            missed = await socket.event()
            assert (missed["body"]["sequence"], missed["subscriptionId"]) == (2, one["id"])
            await api.advance(13)
            assert (await socket.event())["body"]["sequence"] == 4
            again = meta["wsc"]["token"]
            assert again != wsc
        await wait_until(lambda: none_left(api))
        async with connected(api, wsc=again) as socket:
            assert (await socket.frame())[1]["recoveryState"] == "Successful"


async def test_only_the_last_missed_ones_are_kept() -> None:
    async with box(scope=SCOPE, ws_recovery_buffer=2) as api:
        async with greeted(api) as (socket, wsc):
            await socket.subscribe()
        await wait_until(lambda: none_left(api))
        await api.made()
        await api.advance(15)
        async with greeted(api, wsc=wsc) as (socket, _):
            assert [(await socket.event())["body"]["sequence"] for _ in range(2)] == [2, 4]
            await api.made(FOREVER)
            assert (await socket.event())["body"]["sequence"] == 1


async def recovery(api: Box, wsc: str) -> tuple[str, str]:
    """The state of a recovery that does not succeed; the connection is good all the same."""
    async with connected(api, wsc=wsc) as socket:
        _, body = await socket.frame()
        assert (await socket.subscribe())[0]["status"] == 200
        return body["recoveryState"], body["recoveryErrorCode"]


async def test_without_a_subscription_nothing_is_recovered() -> None:
    async with box(scope=SCOPE) as api:
        async with greeted(api) as (_, wsc):
            pass
        await wait_until(lambda: none_left(api))
        assert await recovery(api, wsc) == ("Failed", "WSG-1005")


async def test_another_login_recovers_nothing() -> None:
    async with box(scope=SCOPE) as api:
        async with greeted(api) as (socket, wsc):
            await socket.subscribe()
        await wait_until(lambda: none_left(api))
        api.token = (await api.log_in()).json["access_token"]
        assert await recovery(api, wsc) == ("Failed", "WSG-1003")


async def test_too_late_nothing_is_recovered() -> None:
    async with box(scope=SCOPE, ws_recovery=0.02) as api:
        async with greeted(api) as (socket, wsc):
            await socket.subscribe()

        async def forgotten() -> bool:
            return not (await api.get(SUBSCRIPTION)).json["records"]

        await wait_until(forgotten)
        assert await recovery(api, wsc) == ("Failed", "WSG-1002")


async def test_dropped_and_forgotten() -> None:
    async with box(scope=SCOPE) as api:
        async with greeted(api) as (socket, wsc):
            await socket.subscribe()
            await api.sim("sockets/drop", forget=True)
            await socket.ended()
        assert (await api.get(SUBSCRIPTION)).json["records"] == []
        assert await recovery(api, wsc) == ("Failed", "WSG-1002")


async def test_a_malformed_wsc_ends_the_connection() -> None:
    async with box(scope=SCOPE) as api, connected(api, wsc="fake") as socket:
        meta, body = await socket.frame()
        assert meta["type"] == "Error"
        assert body == {
            "errorCode": "WSG-400",
            "message": "Malformed WebSocket session context token",
        }
        assert await socket.ended() == 1000


async def test_recovering_puts_the_old_connection_out() -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (old, wsc):
        await old.subscribe()
        async with greeted(api, wsc=wsc) as (new, _):
            assert await old.ended() == 1006
            await api.made()
            assert (await new.event())["body"]["sequence"] == 1
            assert await sockets(api) == 1


async def test_a_reset_ends_connections() -> None:
    async with box(scope=SCOPE) as api, greeted(api) as (socket, _):
        await socket.subscribe()
        await api.sim("reset")
        assert await socket.ended() == 1006
        assert (await api.get(SUBSCRIPTION)).json["records"] == []


async def test_the_end_of_the_simulator_ends_connections() -> None:
    async with aiohttp.ClientSession() as http:
        async with box(scope=SCOPE) as api:
            uri = await websocket_token(api)
            query = {"access_token": uri["ws_access_token"]}
            socket = await http.ws_connect(uri["uri"], params=query)
            assert (await socket.receive(PATIENCE)).type is aiohttp.WSMsgType.TEXT
        message = await socket.receive(PATIENCE)
        assert message.type is not aiohttp.WSMsgType.TEXT
