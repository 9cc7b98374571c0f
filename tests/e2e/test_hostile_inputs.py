"""Everything that means harm, sent with a good key to both front ends of a house at work: each is
refused, and RingCentral hears of none."""

import json
import sys
from functools import partial

import pytest

from tests.e2e.credentials_kit import ringout
from tests.harness.hostile_table import CALLEE, MCP, REST, good, summary, table, tried
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

MOST_MIB = 32.0


@pytest.mark.timeout(180)
async def test_none_is_let_in_and_none_reaches_ringcentral(
    fleet: Fleet, simulated: Simulated
) -> None:
    fleet.environment["RINGOUT_REGIONS"] = "US"
    scopes = "calls:create calls:read calls:cancel webhooks ops"
    (key,) = ringout(fleet, "keys", "create", "--scope", scopes).lines
    fleet.worker()
    processes = {
        REST: fleet.command("rest", RINGOUT_REST_PORT="0"),
        MCP: fleet.command("mcp", RINGOUT_MCP_PORT="0"),
    }
    urls = {
        name: process.line_with(f"{name} listening on").rpartition(" ")[2]
        for name, process in processes.items()
    }

    outcomes = [await tried(urls[one.to], processes[one.to].pid, one) for one in table(key)]

    sys.stdout.write(f"{summary(outcomes)}\n")
    assert [f"{one.name}: {one.status}" for one in outcomes if not one.is_refused] == []
    assert await simulated.requests() == []
    assert max(one.grown for one in outcomes) < MOST_MIB
    for process in processes.values():
        said = [json.loads(line) for line in process.errors]
        assert process.code is None
        assert [one for one in said if one["level"] not in ("info", "debug")] == []

    # The same key and the same numbers are good otherwise.
    for one in good(key):
        assert (await tried(urls[one.to], processes[one.to].pid, one)).is_refused is False

    async def are_dialled(count: int) -> bool:
        return len(await simulated.dialled(CALLEE)) == count

    await wait_until(partial(are_dialled, 2))
