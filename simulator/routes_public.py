"""What RingCentral answers without a token, and without rate headers."""

from typing import Any

from aiohttp import web

from simulator.exchange import Exchange, Gate, for_anyone
from simulator.gate import operation

SERVER_VERSION = "1.0.60"


def _version(exchange: Exchange) -> dict[str, Any]:
    return {
        "uri": f"{exchange.base}/restapi/v1.0",
        "versionString": SERVER_VERSION,
        "releaseDate": "2026-01-01T00:00:00.000Z",
        "uriString": "v1.0",
    }


async def _versions(exchange: Exchange) -> web.Response:
    return web.json_response(
        {
            "uri": f"{exchange.base}/restapi",
            "apiVersions": [_version(exchange)],
            "serverVersion": SERVER_VERSION,
            "serverRevision": "simulated",
        }
    )


async def _one_version(exchange: Exchange) -> web.Response:
    return web.json_response(_version(exchange))


VERSIONS = operation(Gate("versions", None, for_anyone), _versions)
VERSION = operation(Gate("versions", None, for_anyone), _one_version)
