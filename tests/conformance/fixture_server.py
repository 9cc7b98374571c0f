"""The product's MCP server with the suite's fixtures beside its own tools.

`python -m tests.conformance.fixture_server [--stateful]`; configured like `ringout mcp`.
"""

import asyncio
import sys
from typing import Any

from mcp.server import MCPServer
from mcp.server.subscriptions import SubscriptionBus

from orchestrator import logs, settings
from orchestrator.mcp.app import build
from orchestrator.mcp.server import run
from orchestrator.runtime import FrontEnd
from orchestrator.settings import Settings
from tests.conformance import fixtures, questions

_ADD = (
    fixtures.add_contents,
    fixtures.add_notices,
    fixtures.add_resources,
    fixtures.add_prompts,
    fixtures.add_methods,
    questions.add_live_questions,
    questions.add_capability_checks,
    questions.add_repeated_questions,
    questions.add_asking_prompt,
    questions.add_stateful_questions,
)


def _with_fixtures(parts: FrontEnd, chosen: Settings, bus: SubscriptionBus) -> MCPServer[Any]:
    mcp = build(parts, chosen, bus)
    for add in _ADD:
        add(mcp)
    return mcp


def main() -> None:
    """Serves until SIGTERM."""
    chosen = settings.load()
    logs.configure(chosen.log_level, chosen.log_format)
    asyncio.run(run(chosen, _with_fixtures, stateless="--stateful" not in sys.argv))


if __name__ == "__main__":
    main()
