"""Logging in: the JWT flow, refreshing, evicting, revoking, and each refusal."""

import pytest

from tests.contract.simulator.simulator_kit import JWT_GRANT, RING_OUT, Box, basic_auth, box


async def status_with(api: Box, header: dict[str, str]) -> tuple[int, str, str]:
    answer = await api.ask("GET", f"{RING_OUT}/nowhere", headers=header)
    return answer.status, answer.code, answer.json["errorCode"]


async def test_a_jwt_buys_a_token_that_opens_the_api_and_no_refresh_token() -> None:
    async with box() as api:
        info = (await api.log_in()).json
        assert info["token_type"] == "bearer"
        assert info["expires_in"] == 3600
        assert "RingOut" in info["scope"].split()
        assert "refresh_token" not in info
        api.token = info["access_token"]
        assert (await api.make()).status == 200


async def test_the_endpoint_id_is_echoed_and_the_token_is_no_query_parameter() -> None:
    async with box() as api:
        info = (await api.log_in(**JWT_GRANT, endpoint_id="desk-1")).json
        assert info["endpoint_id"] == "desk-1"
        path = f"{RING_OUT}/x?access_token={info['access_token']}"
        assert (await api.ask("GET", path, headers={})).code == "AGW-401"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, (401, "AGW-401", "TokenInvalid")),
        ({"Authorization": "Basic abc"}, (401, "AGW-402", "TokenInvalid")),
        ({"Authorization": "Bearer "}, (401, "AGW-402", "TokenInvalid")),
        ({"Authorization": "Bearer made-up"}, (401, "OAU-213", "TokenInvalid")),
        ({"Authorization": "Bearer simulator-key.1"}, (401, "OAU-213", "TokenInvalid")),
        ({"Authorization": "Bearer simulator-key"}, (404, "CMN-102", "CMN-102")),
        ({"Authorization": "bearer simulator-key.2"}, (404, "CMN-102", "CMN-102")),
    ],
)
async def test_who_is_let_in(header: dict[str, str], expected: tuple[int, str, str]) -> None:
    async with box() as api:
        assert await status_with(api, header) == expected


async def test_the_static_key_can_be_made_invalid() -> None:
    async with box() as api:
        await api.sim("settings", api_key_valid=False)
        assert (await api.make()).code == "OAU-213"
        assert await api.ledger() == []
        await api.sim("settings", api_key_valid=True)
        assert (await api.make()).status == 200


@pytest.mark.parametrize(
    ("form", "error", "code"),
    [
        ({"assertion": "simulator-jwt"}, "invalid_request", "OAU-250"),
        ({"grant_type": "password", "username": "u"}, "unauthorized_client", "OAU-251"),
        ({"grant_type": JWT_GRANT["grant_type"]}, "invalid_request", "OAU-250"),
        ({**JWT_GRANT, "assertion": "another"}, "invalid_grant", "OAU-146"),
        ({**JWT_GRANT, "access_token_ttl": "60"}, "invalid_request", "OAU-250"),
        ({"grant_type": "refresh_token"}, "invalid_request", "OAU-250"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "invalid_grant", "OAU-213"),
    ],
)
async def test_a_login_that_is_refused(form: dict[str, str], error: str, code: str) -> None:
    async with box() as api:
        answer = await api.log_in(**form)
        assert (answer.status, answer.json["error"], answer.code) == (400, error, code)
        assert answer.json["error_description"]


@pytest.mark.parametrize("credentials", ["Bearer x", "Basic ???", basic_auth("a", "b")])
async def test_an_application_that_is_not_ours(credentials: str) -> None:
    async with box() as api:
        answer = await api.log_in(credentials)
        assert (answer.status, answer.json["error"]) == (400, "invalid_client")
        assert answer.code == "OAU-153"


async def test_a_login_that_is_no_form() -> None:
    async with box() as api:
        headers = {"Authorization": basic_auth("simulator-client", "simulator-secret")}
        answer = await api.ask("POST", "/restapi/oauth/token", headers=headers, json=JWT_GRANT)
        assert answer.status == 415


async def test_a_token_expires_when_its_life_is_over() -> None:
    async with box(token_life=0) as api:
        api.token = (await api.log_in()).json["access_token"]
        answer = await api.make()
        assert (answer.status, answer.code) == (401, "OAU-128")
        assert answer.json["errorCode"] == "TokenExpired"


async def test_a_life_that_was_asked_for_is_granted_up_to_the_tuned_one() -> None:
    async with box(token_life=1000) as api:
        for asked, granted in (("600", 600), ("3600", 1000)):
            info = (await api.log_in(**JWT_GRANT, access_token_ttl=asked)).json
            assert info["expires_in"] == granted


async def test_a_refresh_token_works_once_and_kills_the_old_access_token() -> None:
    async with box(issue_refresh_tokens=True) as api:
        first = (await api.log_in()).json
        form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = (await api.log_in(**form)).json
        api.token = first["access_token"]
        assert (await api.make()).code == "OAU-213"
        api.token = second["access_token"]
        assert (await api.make()).status == 200
        assert (await api.log_in(**form)).code == "OAU-213"


async def test_an_expired_refresh_token() -> None:
    async with box(issue_refresh_tokens=True, refresh_token_life=0) as api:
        token = (await api.log_in()).json["refresh_token"]
        answer = await api.log_in(grant_type="refresh_token", refresh_token=token)
        assert (answer.json["error"], answer.code) == ("invalid_grant", "OAU-210")


async def test_the_sixth_session_ends_the_first() -> None:
    async with box() as api:
        tokens = [(await api.log_in()).json["access_token"] for _ in range(6)]
        other = (await api.log_in(**{**JWT_GRANT, "assertion": "simulator-jwt.2"})).json
        answers = []
        for token in [*tokens, other["access_token"]]:
            api.token = token
            answers.append((await api.make()).status)
        assert answers == [401, 200, 200, 200, 200, 200, 200]


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_revoking_either_token_ends_the_session(kind: str) -> None:
    async with box(issue_refresh_tokens=True) as api:
        info = (await api.log_in()).json
        headers = {"Authorization": basic_auth("simulator-client", "simulator-secret")}
        revoke = {"data": {"token": info[kind]}, "headers": headers}
        assert (await api.ask("POST", "/restapi/oauth/revoke", **revoke)).status == 200
        assert (await api.ask("POST", "/restapi/oauth/revoke", **revoke)).status == 400
        api.token = info["access_token"]
        assert (await api.make()).code == "OAU-213"
