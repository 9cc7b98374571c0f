"""MCP in this process, on a real port."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orchestrator.edge.door import Door
from orchestrator.mcp.app import endpoint
from orchestrator.mcp.server import Server, config, whom
from orchestrator.runtime import FrontEnd
from orchestrator.settings import Settings
from tests.harness.waiting import wait_until


@asynccontextmanager
async def serving(parts: FrontEnd, settings: Settings, door: Door) -> AsyncIterator[str]:
    """A server of this front end; its address."""
    app = endpoint(parts, settings, whom(settings))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(config(app), "ready", None, door)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        finally:
            app.subscriptions.close()
            server.should_exit = True
            await running
