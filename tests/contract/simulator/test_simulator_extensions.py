"""Many extensions, accounts and applications in one simulator."""

from typing import Any

import aiohttp
import pytest

from simulator import SimulatorSettings, serving
from tests.contract.simulator.simulator_kit import (
    ACCOUNT,
    EXTENSION,
    JWT_GRANT,
    Answer,
    Box,
    basic_auth,
    box,
)

FIRST = "400131426001"
SECOND = "400131426002"
GRANT = JWT_GRANT["grant_type"]
SECOND_APP = basic_auth("simulator-client.2", "simulator-secret.2")


async def logged_in(api: Box, jwt: str, credentials: str = "") -> Answer:
    return await api.log_in(credentials, grant_type=GRANT, assertion=jwt)


async def as_extension(api: Box, jwt: str, credentials: str = "") -> str:
    """Asks as that extension from now on; answers its id."""
    info = (await logged_in(api, jwt, credentials)).json
    api.token = info["access_token"]
    return str(info["owner_id"])


async def test_each_jwt_opens_its_own_extension_and_no_other() -> None:
    async with box() as api:
        assert await as_extension(api, "simulator-jwt") == FIRST
        assert await as_extension(api, "simulator-jwt.2") == SECOND
        path = "/restapi/v1.0/account/~/extension"
        assert (await api.get(f"{path}/{SECOND}/ring-out/x")).code == "CMN-102"
        other = await api.get(f"{path}/{FIRST}/ring-out/x")
        assert (other.status, other.code) == (403, "CMN-404")


async def test_as_many_extensions_and_accounts_as_are_set() -> None:
    settings = SimulatorSettings(port=0, extensions=3, accounts=2)
    async with serving(settings) as simulator, aiohttp.ClientSession() as http:
        api = Box(simulator.url, simulator.world, http)
        assert (await logged_in(api, "simulator-jwt.4")).code == "OAU-146"
        listed = (await api.get("/__sim/extensions")).json["extensions"]
        owners = [(one["accountId"], one["extensionId"]) for one in listed]
        assert owners == [
            ("400131425008", "400131426001"),
            ("400131425009", "400131426002"),
            ("400131425008", "400131426003"),
        ]
        await as_extension(api, "simulator-jwt.2")
        made = await api.made()
        assert (await api.get(f"/restapi/v1.0/account/400131425008{'/active-calls'}")).status == 404
        assert simulator.world.find(made).account == "400131425009"  # type: ignore[union-attr]


async def test_an_account_sees_its_own_calls_only() -> None:
    settings = SimulatorSettings(port=0, accounts=2)
    async with serving(settings) as simulator, aiohttp.ClientSession() as http:
        api = Box(simulator.url, simulator.world, http)
        await api.sim("settings", active_calls_lag=[0, 0])
        await api.made()
        assert len((await api.get(f"{ACCOUNT}/active-calls")).json["records"]) == 1
        api.token = "simulator-key.2"
        assert (await api.get(f"{ACCOUNT}/active-calls")).json["records"] == []
        api.token = "simulator-key.3"
        assert len((await api.get(f"{ACCOUNT}/active-calls")).json["records"]) == 1


async def test_a_second_application_has_sessions_and_budgets_of_its_own() -> None:
    async with box(limits="heavy=1/60", max_sessions=1) as api:
        first = (await logged_in(api, "simulator-jwt")).json["access_token"]
        await as_extension(api, "simulator-jwt", SECOND_APP)
        assert (await api.make()).status == 200
        assert (await api.make()).status == 429
        api.token = first
        assert (await api.make()).status == 200


@pytest.mark.parametrize("secret", ["simulator-secret", "simulator-secret.3"])
async def test_an_application_needs_its_own_secret(secret: str) -> None:
    async with box() as api:
        credentials = basic_auth("simulator-client.2", secret)
        assert (await logged_in(api, "simulator-jwt", credentials)).code == "OAU-153"


async def test_a_refresh_token_is_of_one_application() -> None:
    async with box(issue_refresh_tokens=True) as api:
        token = (await logged_in(api, "simulator-jwt")).json["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        assert (await api.log_in(SECOND_APP, **form)).code == "OAU-213"
        assert (await api.log_in(**form)).status == 200


ADDED = {
    "extension": "812",
    "account": "77",
    "jwt": "theirs",
    "api_key": "their-key",
    "client_id": "their-app",
    "client_secret": "their-secret",
}
THEIR_APP = basic_auth("their-app", "their-secret")


async def test_an_extension_is_added_while_it_runs() -> None:
    async with box() as api:
        await api.sim("extensions", **ADDED)
        assert (await logged_in(api, "theirs")).code == "OAU-146"
        assert await as_extension(api, "theirs", THEIR_APP) == "812"
        assert (await api.make()).status == 200
        assert [row["extension"] for row in await api.ledger()] == ["812"]
        assert (await api.get("/restapi/v1.0/account/77/extension/812/presence")).status == 200
        api.token = "their-key"
        assert (await api.get(f"{EXTENSION}")).json["account"]["id"] == "77"
        listed = (await api.get("/__sim/extensions", limit=1)).json["extensions"]
        assert [one["extensionId"] for one in listed] == [FIRST, "812"]
        await api.sim("reset")
        assert (await logged_in(api, "theirs", THEIR_APP)).code == "OAU-153"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"extension": "5"},
        {"jwt": "new"},
        {"jwt": "simulator-jwt.2", "extension": FIRST},
        {"jwt": "new", "extension": FIRST, "account": "5"},
        {"jwt": "new", "extension": "5", "api_key": "simulator-key"},
        {"jwt": "new", "extension": "x"},
        {"jwt": "new", "extension": "5", "colour": "red"},
    ],
)
async def test_an_extension_that_is_not_understood(body: dict[str, Any]) -> None:
    async with box() as api:
        answer = await api.ask("POST", "/__sim/extensions", json=body)
        assert answer.status == 400
        assert answer.json["error"]


async def test_a_refused_jwt_logs_in_no_more_and_others_do() -> None:
    async with box() as api:
        await as_extension(api, "simulator-jwt.2")
        await api.sim("extensions", jwt="simulator-jwt.2", refused=True)
        answer = await logged_in(api, "simulator-jwt.2")
        assert (answer.status, answer.json["error"], answer.code) == (
            400,
            "invalid_grant",
            "OAU-140",
        )
        assert (await api.make()).status == 200
        assert (await logged_in(api, "simulator-jwt.3")).status == 200
        await api.sim("extensions", jwt="simulator-jwt.2", refused=False)
        assert (await logged_in(api, "simulator-jwt.2")).status == 200


async def test_all_tokens_of_an_extension_are_revoked() -> None:
    async with box() as api:
        tokens = [(await logged_in(api, "simulator-jwt.2")).json["access_token"] for _ in range(2)]
        tokens.append((await logged_in(api, "simulator-jwt.2", SECOND_APP)).json["access_token"])
        tokens.append((await logged_in(api, "simulator-jwt.3")).json["access_token"])
        answer = await api.sim("extensions", extension=SECOND, revoke=True)
        assert answer["revoked"] == 3
        statuses = []
        for token in tokens:
            api.token = token
            statuses.append((await api.make()).status)
        assert statuses == [401, 401, 401, 200]
        assert (await logged_in(api, "simulator-jwt.2")).status == 200


async def test_logins_counted_by_user_count_each_extension() -> None:
    async with box(limits="auth=2/60", auth_limit_by="user") as api:
        for jwt, status in (
            ("simulator-jwt.2", 200),
            ("simulator-jwt.2", 200),
            ("simulator-jwt.2", 429),
            ("simulator-jwt.3", 200),
            ("nobody's", 400),
        ):
            assert (await logged_in(api, jwt)).status == status
        usage = (await api.get("/__sim/usage")).json["usage"]
        assert usage[SECOND]["auth"] == {"accepted": 2, "refused": 1, "inside_penalty": 0}


async def test_an_extension_tells_its_features() -> None:
    async with box(disabled_features="RingOut SMS") as api:
        body = (await api.get(EXTENSION)).json
        features = {one["featureName"]: one["enabled"] for one in body["serviceFeatures"]}
        assert (features["RingOut"], features["SMS"], features["DomesticCalls"]) == (
            False,
            False,
            True,
        )
        assert (await api.make()).code == "CMN-112"
        await api.sim("settings", disabled_features="")
        body = (await api.get(EXTENSION)).json
        assert all(one["enabled"] for one in body["serviceFeatures"])
        assert (body["id"], body["extensionNumber"]) == (int(FIRST), "101")
        assert (await api.make()).status == 200


async def test_an_extension_tells_its_numbers() -> None:
    async with box() as api:
        numbers = (await api.get(f"{EXTENSION}/phone-number")).json["records"]
        shown = {one["phoneNumber"]: "CallerId" in one["features"] for one in numbers}
        assert shown == {"+16505550104": True, "+16505566001": True, "+16505550109": False}
        forwarding = (await api.get(f"{EXTENSION}/forwarding-number")).json["records"]
        chosen: dict[str, Any] = {"from": {"forwardingNumberId": forwarding[0]["id"]}}
        assert (await api.make(**chosen)).status == 200
        assert (await api.ledger())[0]["from"] == forwarding[0]["phoneNumber"]
        paged = (await api.get(f"{EXTENSION}/phone-number", perPage=2, page=2)).json
        assert [one["phoneNumber"] for one in paged["records"]] == ["+16505550109"]


@pytest.mark.parametrize("path", ["", "/forwarding-number", "/phone-number", "/presence"])
async def test_an_extension_is_read_on_the_light_budget_and_with_permission(path: str) -> None:
    async with box(limits="light=1/60") as api:
        answer = await api.get(f"{EXTENSION}{path}")
        assert (answer.status, answer.headers["X-Rate-Limit-Group"]) == (200, "light")
        assert (await api.get(f"{EXTENSION}{path}")).status == 429
        await api.sim("settings", scope="RingOut", limits="off")
        assert (await api.get(f"{EXTENSION}{path}")).code == "CMN-401"
