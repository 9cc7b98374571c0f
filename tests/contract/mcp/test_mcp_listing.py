"""What an agent finds: the three tools with their words, hints and schemas; the resource."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from mcp import Client
from mcp.types import Tool

from orchestrator.domain.calls import Call
from orchestrator.domain.documents import document
from tests.contract.mcp.conftest import BODY

TITLES = {
    "make-ringout-call": "Make RingOut Call",
    "get-ringout-call-status": "Get RingOut Call Status",
    "cancel-ringout-call": "Cancel RingOut Call",
}
HINTS = {
    "make-ringout-call": (False, False, False),
    "get-ringout-call-status": (True, False, True),
    "cancel-ringout-call": (False, True, True),
}
ARGUMENTS = {
    "make-ringout-call": ({"body", "accountId", "extensionId", "idempotencyKey"}, ["body"]),
    "get-ringout-call-status": ({"ringoutId", "accountId", "extensionId"}, ["ringoutId"]),
    "cancel-ringout-call": ({"ringoutId", "accountId", "extensionId"}, ["ringoutId"]),
}


@pytest.fixture
async def tools(client: Client) -> dict[str, Tool]:
    return {tool.name: tool for tool in (await client.list_tools()).tools}


def _objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for each in schema for found in _objects(each)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for each in schema.values() for found in _objects(each)]


async def test_the_tools_are_the_three_with_their_words(tools: dict[str, Tool]) -> None:
    assert {name: tool.title for name, tool in tools.items()} == TITLES
    for tool in tools.values():
        assert (tool.description or "").startswith(f"{tool.title}. ")


async def test_the_hints_are_right(tools: dict[str, Tool]) -> None:
    for name, tool in tools.items():
        hints = tool.annotations
        assert hints is not None
        assert (hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint) == HINTS[name]
        assert hints.open_world_hint is True


async def test_the_arguments_are_described_whole(tools: dict[str, Tool]) -> None:
    for name, tool in tools.items():
        schema = tool.input_schema
        Draft202012Validator.check_schema(schema)
        names, required = ARGUMENTS[name]
        assert set(schema["properties"]) == names
        assert schema["required"] == required
        assert schema["properties"]["accountId"]["default"] == "~"
        assert schema["properties"]["extensionId"]["default"] == "~"
        for described in _objects(schema):
            assert described["additionalProperties"] is False


async def test_a_good_body_fits_the_published_schema(tools: dict[str, Tool]) -> None:
    validator = Draft202012Validator(tools["make-ringout-call"].input_schema)
    assert validator.is_valid({"body": BODY})
    assert not validator.is_valid({"body": {**BODY, "colour": "red"}})
    assert not validator.is_valid({"body": {"from": BODY["from"]}})


async def test_the_output_is_the_call(tools: dict[str, Tool]) -> None:
    call = Call("call_1", "http://x/1", "~", "~", accepted_at=1, expires_at=2)
    for tool in tools.values():
        assert tool.output_schema is not None
        Draft202012Validator(tool.output_schema).validate(document(call))
        assert tool.output_schema["required"] == list(document(call))


async def test_a_call_is_a_resource(client: Client) -> None:
    (template,) = (await client.list_resource_templates()).resource_templates
    assert template.uri_template == "ringout://calls/{call_id}"
    assert template.mime_type == "application/json"


async def test_the_server_says_who_it_is_and_what_it_is_for(client: Client) -> None:
    assert client.server_info is not None
    assert client.server_info.name == "ringout"
    assert "make-ringout-call" in (client.instructions or "")
