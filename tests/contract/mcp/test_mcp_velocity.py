"""How often, over MCP: the same as REST, in words that an agent can act on."""

import json
import re
from collections.abc import Callable, Iterator

import pytest
import redis as sync_redis
from mcp import Client

from orchestrator.storage import keys as names
from tests.contract.mcp.conftest import (
    BODY,
    ENVIRONMENT,
    Connect,
    address,
    call_of,
    refusal_of,
)
from tests.harness.processes import LENIENT, Fleet, Process
from tests.harness.redis import RedisServer

MAKE = "make-ringout-call"
OTHER = {**BODY, "from": {"phoneNumber": "+16505550101"}}
OURS = ("RINGOUT_VELOCITY_CALLEE", "RINGOUT_DOUBLE_CLICK")


@pytest.fixture(scope="module")
def strict_mcp(shared_redis: RedisServer) -> Iterator[Process]:
    """`ringout mcp` with the rules on how often that it has out of the box."""
    processes = Fleet({**ENVIRONMENT, "REDIS_URL": shared_redis.url})
    processes.environment = {
        name: value for name, value in processes.environment.items() if name not in OURS
    }
    assert set(OURS) <= set(LENIENT)
    yield processes.command("mcp")
    processes.close()


@pytest.fixture
async def strict(strict_mcp: Process, shared_url: str, connect: Connect) -> Client:
    """A client of it; the database is empty."""
    return await connect(address(strict_mcp))


async def test_one_call_too_many_names_its_policy_and_when_to_come_again(strict: Client) -> None:
    call_of(await strict.call_tool(MAKE, {"body": BODY}))

    said = refusal_of(await strict.call_tool(MAKE, {"body": OTHER, "idempotencyKey": "k"}))

    assert said.startswith("velocity_exceeded: velocity.callee: ")
    assert "Do not try again at once" in said
    assert re.search(r"room again in (59|60) s", said)
    assert "6505550123" not in said


async def test_a_second_click_is_the_first_call(strict: Client) -> None:
    first = call_of(await strict.call_tool(MAKE, {"body": BODY, "idempotencyKey": "a"}))
    for arguments in ({}, {"idempotencyKey": "b"}):
        again = call_of(await strict.call_tool(MAKE, {"body": BODY, **arguments}))
        assert again["id"] == first["id"]


async def test_a_dry_run_says_what_would_happen(
    strict: Client, keys: Callable[[], list[str]]
) -> None:
    dry = {"body": {**BODY, "validateOnly": True}}
    call = call_of(await strict.call_tool(MAKE, dry))

    assert (call["id"], call["state"]) == ("validate_only", "queued")
    assert call["validateOnly"]["outcome"] == "accepted"
    assert call["validateOnly"]["policies"][0]["remaining"] == 1
    assert not [key for key in keys() if ":call" in key or ":audit" in key or "velocity" in key]
    first = call_of(await strict.call_tool(MAKE, {"body": BODY}))
    told = call_of(await strict.call_tool(MAKE, dry))["validateOnly"]
    assert (told["outcome"], told["call"]) == ("replayed_double_click", first["id"])
    refused = {"body": {**OTHER, "validateOnly": True}}
    assert "velocity.callee" in refusal_of(await strict.call_tool(MAKE, refused))
    keyed = refusal_of(await strict.call_tool(MAKE, {**dry, "idempotencyKey": "k"}))
    assert keyed.startswith("invalid_field: validateOnly")


async def test_a_dry_run_says_why_the_call_would_wait(strict: Client, shared_url: str) -> None:
    dry = {"body": {**BODY, "validateOnly": True}}
    assert call_of(await strict.call_tool(MAKE, dry))["validateOnly"]["waits"] is None
    pause = {"reason": "fire drill", "by": "somebody", "since": "2026-01-21T13:00:00.000Z"}
    with sync_redis.Redis.from_url(shared_url) as client:
        client.hset(names.PAUSED, "house", json.dumps(pause))

    told = call_of(await strict.call_tool(MAKE, dry))["validateOnly"]["waits"]

    assert told == {"code": "paused", "message": "Placing has been paused: fire drill"}
    (make,) = [tool for tool in (await strict.list_tools()).tools if tool.name == MAKE]
    described = (make.output_schema or {})["$defs"]["ValidateOnlyDocument"]
    assert set(described["required"]) == {"outcome", "waits", "policies"}


async def test_a_dry_run_is_not_followed_to_its_end(strict: Client) -> None:
    async def heard(progress: float, total: float | None, message: str | None) -> None:
        raise AssertionError("there is nothing to tell")

    dry = {"body": {**BODY, "validateOnly": True}}
    call = call_of(await strict.call_tool(MAKE, dry, progress_callback=heard))
    assert call["id"] == "validate_only"


async def test_the_audit_says_that_it_came_by_mcp(strict: Client, shared_url: str) -> None:
    made = call_of(await strict.call_tool(MAKE, {"body": BODY}))
    with sync_redis.Redis.from_url(shared_url, decode_responses=True) as client:
        entries = [fields for _, fields in client.xrange(names.AUDIT)]
    (entry,) = [one for one in entries if one["action"] == "call.accepted"]
    assert (entry["about"], entry["via"]) == (made["id"], "mcp")
