"""Places a call and follows it, as an agent does: over MCP."""
# ruff: noqa: INP001 (a numbered script)

import asyncio
import os
import sys
from typing import Any

from mcp import Client

MCP = os.environ.get("MCP_URL", "http://127.0.0.1:9090/mcp")
WISH = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550110"}}


async def main() -> None:
    """Makes a call to a phone that is busy, and asks until it has ended."""
    async with Client(MCP) as client:
        made = await client.call_tool("make-ringout-call", {"body": WISH})
        call: dict[str, Any] = made.structured_content or {}
        while call["state"] != "ended":
            await asyncio.sleep(1)
            told = await client.call_tool("get-ringout-call-status", {"ringoutId": call["id"]})
            call = told.structured_content or {}
        sys.stdout.write(f"{call['state']}: {call['outcome']}\n")


asyncio.run(main())
