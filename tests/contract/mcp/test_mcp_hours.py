"""Allowed hours over MCP: the same as REST, in words that an agent can act on."""

from mcp import Client

from orchestrator.runtime import now
from tests.contract.mcp.conftest import refusal_of

ENDS = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}


async def test_hours_that_do_not_come_in_time_are_refused(client: Client) -> None:
    minute = now() // 60_000
    begin, end = (f"{at // 60:02}:{at % 60:02}" for at in ((minute + m) % 1440 for m in (5, 10)))
    hours = {"from": begin, "to": end, "timeZone": "Etc/UTC"}

    said = refusal_of(
        await client.call_tool("make-ringout-call", {"body": {**ENDS, "allowedHours": hours}})
    )

    assert said.startswith("refused_by_policy: allowed_hours")
    assert "Nothing was done" in said


async def test_a_zone_has_to_be_given(client: Client) -> None:
    hours = {"from": "08:00", "to": "21:00"}
    said = refusal_of(
        await client.call_tool("make-ringout-call", {"body": {**ENDS, "allowedHours": hours}})
    )
    assert "allowedHours.timeZone" in said
