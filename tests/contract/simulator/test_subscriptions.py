"""Subscriptions by REST: their shape, the handshake, what is refused, and how long they live."""

import asyncio
from typing import Any

import pytest
from aiohttp import web

from tests.contract.simulator.push_kit import (
    ALL_SESSIONS,
    PRESENCE,
    SCOPE,
    SESSIONS,
    SUBSCRIPTION,
    Reply,
    echo,
    hook,
    subscribe,
    subscribed,
    unavailable,
)
from tests.contract.simulator.simulator_kit import Box, box
from tests.harness.waiting import wait_until

OWN = "/restapi/v1.0/account/400131425008/extension/400131426001"
REMINDER = "/restapi/v1.0/subscription/~?threshold={}&interval={}"


async def gone(api: Box, name: str) -> bool:
    return (await api.get(f"{SUBSCRIPTION}/{name}")).status == 404


async def test_a_subscription_is_as_documented() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        answer = await subscribe(api, told, SESSIONS, ALL_SESSIONS, PRESENCE, token="secret")
        one = answer.json
        assert answer.status == 200
        assert one.keys() == {
            "uri", "id", "creationTime", "status", "eventFilters", "expirationTime", "expiresIn",
            "deliveryMode",
        }  # fmt: skip
        assert one["eventFilters"] == [
            f"{OWN}/telephony/sessions",
            "/restapi/v1.0/account/400131425008/telephony/sessions",
            f"{OWN}/presence?detailedTelephonyState=true",
        ]
        assert (one["status"], one["expiresIn"]) == ("Active", 604799)
        mode = {"transportType": "WebHook", "encryption": False, "address": told.url}
        assert one["deliveryMode"] == mode
        assert told.handshakes == 1
        read = (await api.get(f"{SUBSCRIPTION}/{one['id']}")).json
        assert read | {"expiresIn": 0} == one | {"expiresIn": 0}
        listed = (await api.get(SUBSCRIPTION)).json
        assert [each["id"] for each in listed["records"]] == [one["id"]]


async def redirect(_request: web.Request) -> web.StreamResponse:
    return web.Response(status=307, headers={"Location": "/hook"})


async def silent(_request: web.Request) -> web.StreamResponse:
    return web.Response(content_type="application/json")


async def wrong(_request: web.Request) -> web.StreamResponse:
    return web.Response(content_type="application/json", headers={"Validation-Token": "x"})


async def plain(request: web.Request) -> web.StreamResponse:
    token = request.headers["Validation-Token"]
    return web.Response(content_type="text/plain", headers={"Validation-Token": token})


def sized(length: int) -> Reply:
    async def reply(request: web.Request) -> web.StreamResponse:
        token = request.headers["Validation-Token"]
        headers = {"Validation-Token": token, "Date": "", "Server": ""}
        return web.Response(body=b" " * length, content_type="application/json", headers=headers)

    return reply


async def hang(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (unavailable, "SUB-522"),
        (redirect, "SUB-522"),
        (silent, "SUB-520"),
        (wrong, "SUB-520"),
        (plain, "SUB-525"),
        (sized(1024), "SUB-525"),
        (sized(900), "SUB-525"),
        (hang, "SUB-521"),
    ],
)
async def test_a_handshake_fails(reply: Reply, code: str) -> None:
    limit = 0.05 if reply is hang else 3
    async with hook() as told, box(scope=SCOPE, webhook_handshake=limit) as api:
        told.reply = reply
        answer = await subscribe(api, told)
        assert (answer.status, answer.code) == (400, code)
        assert (await api.get(SUBSCRIPTION)).json["records"] == []


async def test_an_answer_of_less_than_1024_bytes_in_all_is_taken() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        told.reply = sized(780)
        assert (await subscribe(api, told)).status == 200


async def test_nobody_listens() -> None:
    async with hook() as told:
        address = told.url
    async with box(scope=SCOPE) as api:
        assert (await subscribe(api, address)).code == "SUB-521"


@pytest.mark.parametrize(
    ("tuning", "address", "code"),
    [
        ({}, "http://192.0.2.1/hook", "SUB-523"),
        ({}, "http://example.com/hook", "SUB-523"),
        ({"webhook_http": "never"}, "http://127.0.0.1:9/hook", "SUB-523"),
        ({}, "ftp://127.0.0.1/hook", "CMN-101"),
        ({}, "hook", "CMN-101"),
        ({}, "http://localhost:9/hook", "SUB-521"),
        ({}, "http://[::1]:9/hook", "SUB-521"),
        ({}, "https://127.0.0.1:9/hook", "SUB-521"),
    ],
)
async def test_addresses(tuning: dict[str, Any], address: str, code: str) -> None:
    async with box(scope=SCOPE, **tuning) as api:
        answer = await subscribe(api, address)
        assert (answer.status, answer.code) == (400, code)


@pytest.mark.parametrize(
    ("filters", "status", "code"),
    [
        ([], 400, "CMN-101"),
        (["/restapi/v1.0/account/~/extension/~/nothing"], 400, "SUB-508"),
        ([f"{SESSIONS}?colour=blue"], 400, "SUB-508"),
        (["/restapi/v1.0/account/~/presence"], 400, "SUB-508"),
        (["/restapi/v1.0/account/7/telephony/sessions"], 403, "SUB-406"),
        (["/restapi/v1.0/account/~/extension/7/telephony/sessions"], 403, "SUB-408"),
        ([REMINDER.format(60, 15)], 400, "SUB-515"),
        ([SESSIONS, REMINDER.format(60, 31)], 400, "SUB-516"),
        ([SESSIONS, REMINDER.format(604800, 15)], 400, "SUB-516"),
        ([SESSIONS, REMINDER.format(60, 0)], 400, "SUB-516"),
        ([SESSIONS, REMINDER.format("x", 15)], 400, "SUB-516"),
    ],
)
async def test_filters_that_are_refused(filters: list[str], status: int, code: str) -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        body = {
            "eventFilters": filters,
            "deliveryMode": {"transportType": "WebHook", "address": told.url},
        }
        answer = await api.ask("POST", SUBSCRIPTION, json=body)
        assert (answer.status, answer.code, told.handshakes) == (status, code, 0)


@pytest.mark.parametrize(
    "change",
    [
        {"expiresIn": 0},
        {"expiresIn": 315_360_001},
        {"expiresIn": "60"},
        {"expiresIn": True},
        {"eventFilters": "x"},
        {"eventFilters": [7]},
        {"deliveryMode": None},
        {"deliveryMode": {"transportType": "PubNub"}},
        {"deliveryMode": {"transportType": "WebSocket"}},
        {"deliveryMode": {"transportType": "WebHook"}},
        {"deliveryMode": {"transportType": "WebHook", "address": "h:1", "verificationToken": 7}},
    ],
)
async def test_bodies_that_are_refused(change: dict[str, Any]) -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        answer = await subscribe(api, told, **change)
        assert (answer.status, answer.code, told.handshakes) == (400, "CMN-101", 0)


@pytest.mark.parametrize(
    ("tuning", "filters", "disabled"),
    [
        ({"scope": SCOPE.replace("CallControl", "")}, [SESSIONS, PRESENCE], [SESSIONS]),
        ({"scope": SCOPE.replace("ReadPresence", "")}, [SESSIONS, PRESENCE], [PRESENCE]),
        ({"account_events": False}, [SESSIONS, ALL_SESSIONS], [ALL_SESSIONS]),
    ],
)
async def test_a_filter_without_its_permission_is_off(
    tuning: dict[str, Any], filters: list[str], disabled: list[str]
) -> None:
    async with hook() as told, box(**{"scope": SCOPE, **tuning}) as api:
        one = (await subscribe(api, told, *filters)).json
        names = [each["filter"].split("/")[-1] for each in one["disabledFilters"]]
        assert names == [each.split("/")[-1] for each in disabled]
        assert len(one["eventFilters"]) == len(filters) - len(disabled)
        assert one["disabledFilters"][0].keys() == {"filter", "reason", "message"}


async def test_the_application_needs_the_webhook_permission() -> None:
    async with hook() as told, box(scope="RingOut CallControl") as api:
        answer = await subscribe(api, told)
        assert (answer.status, answer.code) == (403, "CMN-401")
        assert answer.json["permissionName"] == "SubscriptionWebhook"


async def test_twenty_at_most() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        names = [await subscribed(api, told) for _ in range(20)]
        answer = await subscribe(api, told)
        assert (answer.status, answer.code, told.handshakes) == (403, "SUB-505", 20)
        api.token = "simulator-key.2"
        assert (await subscribe(api, told)).status == 200
        api.token = "simulator-key"
        await api.ask("DELETE", f"{SUBSCRIPTION}/{names[0]}")
        assert (await subscribe(api, told)).status == 200


async def test_one_of_another_extension_is_not_found() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        path = f"{SUBSCRIPTION}/{await subscribed(api, told)}"
        api.token = "simulator-key.2"
        for method, more in (("GET", ""), ("PUT", ""), ("POST", "/renew"), ("DELETE", "")):
            answer = await api.ask(method, path + more)
            assert (answer.status, answer.code) == (404, "CMN-102")
        assert (await api.get(SUBSCRIPTION)).json["records"] == []


async def test_renewing_changing_and_deleting() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        path = f"{SUBSCRIPTION}/{await subscribed(api, told, expiresIn=50)}"
        assert (await api.get(path)).json["expiresIn"] == 49
        assert (await api.ask("POST", f"{path}/renew")).json["expiresIn"] == 604799
        changed = await api.ask("PUT", path, json={"eventFilters": [PRESENCE], "expiresIn": 70})
        assert changed.json["eventFilters"] == [f"{OWN}/presence?detailedTelephonyState=true"]
        assert changed.json["expiresIn"] == 69
        renewed = await api.ask("PUT", path)
        assert renewed.json["expiresIn"] == 604799
        assert renewed.json["eventFilters"] == changed.json["eventFilters"]
        refused = await api.ask("PUT", path, json={"eventFilters": ["x"]})
        assert refused.code == "SUB-508"
        gone = await api.ask("DELETE", path)
        assert (gone.status, gone.text) == (204, "")
        assert (await api.get(path)).code == "CMN-102"
        assert told.handshakes == 1


async def test_the_groups_of_requests() -> None:
    async with hook() as told, box(scope=SCOPE, limits="medium=2/60,light=2/60") as api:
        first = await subscribe(api, told)
        assert first.headers["X-Rate-Limit-Group"] == "medium"
        path = f"{SUBSCRIPTION}/{first.json['id']}"
        answers = [
            await api.ask("PUT", path),
            await api.get(path),
            await api.ask("POST", f"{path}/renew"),
            await api.get(SUBSCRIPTION),
            await api.ask("DELETE", path),
        ]
        groups = [one.headers["X-Rate-Limit-Group"] for one in answers]
        assert groups == ["medium", "light", "light", "light", "medium"]
        assert [one.status for one in answers] == [200, 200, 200, 429, 429]


async def test_it_ends_when_its_life_is_over() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        name = await subscribed(api, told, expiresIn=1)
        kept = await subscribed(api, told, expiresIn=1)
        await api.ask("POST", f"{SUBSCRIPTION}/{kept}/renew")
        await wait_until(lambda: gone(api, name))
        assert not await gone(api, kept)


async def test_a_reminder_before_the_end() -> None:
    reminder = REMINDER.format(0.5, 0.2)
    async with hook() as told, box(scope=SCOPE) as api:
        name = await subscribed(api, told, SESSIONS, reminder, expiresIn=1, token="secret")
        first, second = await told.several(2)
        assert (first["event"], first["subscriptionId"]) == (reminder, name)
        assert first["body"]["id"] == name
        assert first["uuid"] != second["uuid"]
        assert told.headers[0]["Verification-Token"] == "secret"


@pytest.mark.parametrize("operation", ["subscribe", "any"])
async def test_faults_strike(operation: str) -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        await api.fault(operation, "status", status=503)
        assert (await subscribe(api, told)).status == 503
        assert told.handshakes == 0
        assert (await subscribe(api, told)).status == 200


async def test_a_reset_forgets_all() -> None:
    async with hook() as told, box(scope=SCOPE) as api:
        told.reply = echo
        await subscribed(api, told)
        await api.sim("reset")
        assert (await api.get(SUBSCRIPTION)).json["records"] == []
