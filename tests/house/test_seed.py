"""Everything that the seed, a capability document, names is served: see seed.json."""

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from mcp import Client

from orchestrator.settings import load
from orchestrator.telephony import wire
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated

SEED: dict[str, Any] = json.loads(Path(__file__).with_name("seed.json").read_text(encoding="utf-8"))
BODY = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}


def _path(operation: dict[str, Any], ringout: str = "") -> str:
    path: str = operation["path"].lower()
    return path.format(accountid="~", extensionid="~", ringoutid=ringout)


@pytest.fixture
def rest(fleet: Fleet, simulated: Simulated) -> str:
    """A REST process's URL, with a worker and a simulator behind it."""
    fleet.worker()
    process = fleet.command("rest", RINGOUT_REST_PORT="0")
    return process.line_with("rest listening on").rsplit(" ", 1)[1]


def test_the_ports_and_the_base_address_are_the_seeds() -> None:
    settings = load({})
    assert settings.rest_port == SEED["rest"]["port"]
    assert settings.mcp_port == SEED["mcp"]["port"]
    assert settings.server_url == SEED["consumes"]["baseUri"]


@pytest.mark.parametrize("operation", SEED["consumes"]["operations"], ids=lambda each: each["name"])
def test_ringcentral_is_asked_as_the_seed_says(operation: dict[str, Any]) -> None:
    asked = {
        "POST": wire.make_request("~", "~", BODY),
        "GET": wire.status_request("~", "~", "s-1"),
        "DELETE": wire.cancel_request("~", "~", "s-1"),
    }[operation["method"]]
    assert asked.method == operation["method"]
    assert asked.path == _path(operation, "s-1")


async def test_the_key_goes_to_ringcentral_as_a_bearer_token(
    rest: str, fleet: Fleet, session: aiohttp.ClientSession, simulated: Simulated
) -> None:
    assert fleet.environment[SEED["key"]["variable"]] == "simulator-key"
    make = rest + _path(SEED["rest"]["operations"][0])
    async with session.post(make, json=BODY, headers={"Prefer": "wait=10"}) as answer:
        assert answer.status == 200
    assert len(await simulated.dialled()) == 1


async def test_every_operation_is_served_and_described(
    rest: str, session: aiohttp.ClientSession
) -> None:
    make, read, cancel = SEED["rest"]["operations"]
    async with session.request(make["method"], rest + _path(make), json=BODY) as answer:
        assert answer.status == 202
        call = await answer.json()
    async with session.request(read["method"], rest + _path(read, call["id"])) as answer:
        assert answer.status == 200
        assert (await answer.json())["id"] == call["id"]
    async with session.request(cancel["method"], rest + _path(cancel, call["id"])) as answer:
        assert answer.status == 202
    async with session.get(f"{rest}/openapi.json") as answer:
        described = await answer.json()
    for operation in (make, read, cancel):
        shown = described["paths"][operation["path"]][operation["method"].lower()]
        assert shown["summary"] == operation["description"]


async def test_every_tool_is_served_with_its_hints(fleet: Fleet, simulated: Simulated) -> None:
    process = fleet.command("mcp", RINGOUT_MCP_PORT="0")
    url = process.line_with("mcp listening on").rsplit(" ", 1)[1]
    assert url.endswith("/mcp")
    async with Client(url) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(tools) == [tool["name"] for tool in SEED["mcp"]["tools"]]
    for seeds in SEED["mcp"]["tools"]:
        served = tools[seeds["name"]]
        hints = served.annotations
        assert hints is not None
        assert {
            "readOnly": hints.read_only_hint,
            "destructive": hints.destructive_hint,
            "idempotent": hints.idempotent_hint,
        } == seeds["hints"]
        assert seeds["description"] in (served.title, hints.title, served.description or "")
        assert seeds["input"] in served.input_schema["required"]
