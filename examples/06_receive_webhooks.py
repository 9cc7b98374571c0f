"""Receives webhooks: subscribes, checks every signature, and shows one call as it goes by.

The service must be allowed to send to this machine, as it is by `make run` with a simulated
RingCentral; elsewhere by RINGOUT_WEBHOOK_TARGETS=any.
"""
# ruff: noqa: INP001 (a numbered script)

import asyncio
import os
import sys

import aiohttp
from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

BASE = os.environ.get("RINGOUT_PUBLIC_URL", "http://127.0.0.1:8080")
CALLS = f"{BASE}/v1/restapi/v1-0/account/~/extension/~/ring-out"
BODY = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}


class Receiver:
    """Takes an event once, however often it is sent."""

    def __init__(self) -> None:
        self.secret = ""
        self.ended = asyncio.Event()
        self._seen: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        """Answers 204 quickly: what takes longer is done afterwards."""
        try:
            event = Webhook(self.secret).verify(await request.read(), dict(request.headers))
        except (WebhookVerificationError, ValueError):  # ValueError: not even the form of one
            return web.Response(status=401)
        if request.headers["webhook-id"] not in self._seen:
            self._seen.add(request.headers["webhook-id"])
            call = event["data"]
            sys.stdout.write(f"{event['type']} #{call['sequence']} {call['outcome'] or ''}\n")
            if event["type"] == "call.ended":
                self.ended.set()
        return web.Response(status=204)


async def main() -> None:
    """One call from its acceptance to its end."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.post(f"{BASE}/v1/webhooks", json={"url": url}) as response:
            webhook = await response.json()
        receiver.secret = webhook["secret"]
        async with session.post(CALLS, json=BODY):
            await receiver.ended.wait()
        async with session.delete(f"{BASE}/v1/webhooks/{webhook['id']}"):
            pass
    await runner.cleanup()


asyncio.run(main())
