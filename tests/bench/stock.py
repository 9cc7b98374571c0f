"""The same path through arq's defaults: a handler that enqueues, a worker that polls.

python -m tests.bench.stock rest|worker     REDIS_URL, RC_SERVER_URL, RINGOUT_REST_PORT
"""

import os
import sys
from typing import Any

import aiohttp
from aiohttp import web
from arq import create_pool
from arq.connections import RedisSettings
from arq.worker import run_worker

REDIS = RedisSettings.from_dsn(os.environ.get("REDIS_URL", ""))
RING_OUT = "/restapi/v1.0/account/~/extension/~/ring-out"


async def accept(request: web.Request) -> web.Response:
    """Enqueues a call the way arq's documentation shows."""
    body = await request.json()
    job = await request.app["pool"].enqueue_job("place", body)
    return web.json_response({"id": job.job_id}, status=202)


async def place(ctx: dict[str, Any], body: dict[str, Any]) -> int:
    """Asks RingCentral for it."""
    url = os.environ["RC_SERVER_URL"] + RING_OUT
    headers = {"Authorization": "Bearer simulator-key"}
    async with ctx["session"].post(url, json=body, headers=headers) as response:
        status: int = response.status
        return status


async def startup(ctx: dict[str, Any]) -> None:
    """One client for all jobs."""
    ctx["session"] = aiohttp.ClientSession()


class WorkerSettings:
    """arq's defaults."""

    functions = (place,)
    on_startup = startup
    redis_settings = REDIS


async def app() -> web.Application:
    """The front end."""
    application = web.Application()
    application["pool"] = await create_pool(REDIS)
    application.router.add_post("/v1/restapi/v1-0/account/~/extension/~/ring-out", accept)
    return application


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        run_worker(WorkerSettings)  # type: ignore[arg-type]
    else:
        web.run_app(app(), host="127.0.0.1", port=int(os.environ["RINGOUT_REST_PORT"]))
