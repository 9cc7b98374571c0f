"""What MCP logs, whatever the level: neither what clients say nor what they are answered."""

from collections.abc import Iterator

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError

from tests.contract.mcp.conftest import BODY, ENVIRONMENT, Connect, address, call_of
from tests.harness.processes import Fleet, Process

SAID = "Tel 6505550171"


@pytest.fixture
def talkative(shared_url: str) -> Iterator[Process]:
    """A process that logs all that it may."""
    processes = Fleet({**ENVIRONMENT, "REDIS_URL": shared_url, "RINGOUT_LOG_LEVEL": "debug"})
    yield processes.command("mcp")
    processes.close()


async def test_nothing_of_what_is_said_is_logged(talkative: Process, connect: Connect) -> None:
    client: Client = await connect(address(talkative))
    arguments = {"body": {**BODY, "clientReference": SAID}}
    assert (
        call_of(await client.call_tool("make-ringout-call", arguments))["clientReference"] == SAID
    )
    with pytest.raises(MCPError):
        await client.get_prompt("1 650 555-0170")

    talkative.terminate()

    logged = "\n".join(talkative.errors)
    assert "mcp_draining" in logged
    assert [said for said in ("Tel", "555-0170", "Traceback") if said in logged] == []
