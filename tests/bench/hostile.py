"""What means harm, sent to both front ends: how much, and the time and memory of the worst."""

import asyncio
import json

from tests.bench.house import house, row
from tests.harness.hostile_table import MCP, REST, summary, table, tried

RULES = {"RINGOUT_REGIONS": "US", "RINGOUT_NOTIFICATIONS": "off", "RINGOUT_PREFLIGHT": "off"}


async def run() -> list[str]:
    """The table, a line for each front end, and what reached RingCentral."""
    async with house(workers=0, **RULES) as one:
        made = one.fleet.command("keys", "create", "--json")
        key = json.loads(await asyncio.to_thread(made.line_with, "ringout_live_"))["key"]
        processes = {
            name: one.fleet.command(name, **{f"RINGOUT_{name.upper()}_PORT": "0"})
            for name in (REST, MCP)
        }
        urls = {
            name: process.line_with(f"{name} listening on").rpartition(" ")[2]
            for name, process in processes.items()
        }
        outcomes = [await tried(urls[each.to], processes[each.to].pid, each) for each in table(key)]
        reached = len(await one.simulated.requests())
    lines = [
        f"{name}: {summary([each for each in outcomes if each.tried.to == name])}" for name in urls
    ]
    return [*lines, row("requests that reached RingCentral", reached)]
