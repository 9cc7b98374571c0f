"""All checks, made at the same time."""

import asyncio
from collections.abc import Awaitable

import aiohttp

from orchestrator import runtime
from orchestrator.cli.addresses import Address
from orchestrator.cli.checks import credentials, house, ringcentral
from orchestrator.cli.rest_client import shown_to_rest
from orchestrator.domain.findings import Finding
from orchestrator.runtime import Backend
from orchestrator.service.checkup.server import server
from orchestrator.settings import Settings
from orchestrator.storage.connection import FRONT_END

WITHIN = aiohttp.ClientTimeout(total=5)


async def findings(settings: Settings) -> list[Finding]:
    """Everything that was found, in the order in which to mend it."""
    async with (
        aiohttp.ClientSession(timeout=WITHIN) as session,
        runtime.backend(settings, FRONT_END) as parts,
    ):
        found = await asyncio.gather(*_checks(settings, session, parts))
    first = Finding("settings", "ok", "every variable is known and well-formed")
    return [first, *(finding for group in found for finding in group)]


def _checks(
    settings: Settings, session: aiohttp.ClientSession, parts: Backend
) -> list[Awaitable[list[Finding]]]:
    rest = f"{settings.base_url}/readyz"
    scheme = "https" if settings.tls_certificate else "http"
    mcp = Address(settings.mcp_host, settings.mcp_port, "RINGOUT_MCP", scheme).url + "/readyz"
    return [
        server(parts.commands, runtime.now),
        ringcentral.reached(session, settings.server_url),
        credentials.checked(settings, parts),
        house.front_end(session, "rest", rest, "RINGOUT_PUBLIC_URL or RINGOUT_REST_PORT"),
        house.front_end(session, "mcp", mcp, "RINGOUT_MCP_PORT"),
        house.at_work(session, f"{settings.base_url}/v1/stats", shown_to_rest(settings)),
    ]
