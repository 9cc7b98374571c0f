"""Whom MCP lets be rung: the same as REST, in words that an agent can act on."""

from collections.abc import Callable

import pytest
from mcp import Client

from tests.contract.mcp.conftest import refusal_of
from tests.harness.hostile import NUMBERS

OK = {"phoneNumber": "+16505550100"}


@pytest.mark.parametrize("leg", ["from", "to"])
@pytest.mark.parametrize(("number", "policy"), NUMBERS.items())
async def test_a_hostile_number_is_refused(
    client: Client, keys: Callable[[], list[str]], leg: str, number: str, policy: str
) -> None:
    body = {"from": OK, "to": {"phoneNumber": "+16505550123"}, leg: {"phoneNumber": number}}

    said = refusal_of(await client.call_tool("make-ringout-call", {"body": body}))

    code = f"refused_by_policy: {policy}" if policy else "invalid_field"
    assert said.startswith(f"{code}: body.{leg}.phoneNumber")
    assert "Nothing was done" in said
    digits = "".join(char for char in number if char.isdecimal())
    assert len(digits) < 7 or digits not in said
    assert keys() == []
