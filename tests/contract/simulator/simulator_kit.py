"""What the simulator's tests share: a simulator whose clock stands still, and a client for it.

`box()` starts one; simulated time passes only by `advance`, so nothing here waits for a timer.
"""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from simulator import SimulatorSettings, Tuning, World, serving

STANDING_STILL = 1e-6
"""Simulated seconds a real one: nothing happens by itself."""
AGENT = "+16505550100"
HAPPY = "+16505550123"
EXTENSION = "/restapi/v1.0/account/~/extension/~"
ACCOUNT = "/restapi/v1.0/account/~"
RING_OUT = f"{EXTENSION}/ring-out"
JWT_GRANT = {
    "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "assertion": "simulator-jwt",
}
IN_PROGRESS = ("InProgress", "InProgress", "InProgress")


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The first error's code."""
        return str(self.json["errors"][0]["errorCode"])

    @property
    def words(self) -> tuple[str, str, str]:
        """The three words of a reading."""
        status = self.json["status"]
        return status["callStatus"], status["callerStatus"], status["calleeStatus"]


class Box:
    """A client of one simulator."""

    def __init__(self, url: str, world: World, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.world = world
        self.http = http
        self.token = "simulator-key"

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        """One request with the bearer token, unless other headers are given."""
        headers = more.pop("headers", {"Authorization": f"Bearer {self.token}"})
        async with self.http.request(method, self.url + path, headers=headers, **more) as answer:
            # Latin-1 keeps every byte: broken bodies are part of what is tested.
            text = (await answer.read()).decode("latin-1")
            return Answer(answer.status, dict(answer.headers), text)

    async def make(self, to: str = HAPPY, **more: Any) -> Answer:
        """Asks for a ring-out; `more` goes into the body."""
        body = {"from": {"phoneNumber": AGENT}, "to": {"phoneNumber": to}, **more}
        return await self.ask("POST", RING_OUT, json=body)

    async def made(self, to: str = HAPPY, **more: Any) -> str:
        """A ring-out that was accepted: its id."""
        answer = await self.make(to, **more)
        assert answer.status == 200, answer
        return str(answer.json["id"])

    async def read(self, ringout_id: str) -> Answer:
        return await self.ask("GET", f"{RING_OUT}/{ringout_id}")

    async def cancel(self, ringout_id: str) -> Answer:
        return await self.ask("DELETE", f"{RING_OUT}/{ringout_id}")

    async def get(self, path: str, **query: Any) -> Answer:
        return await self.ask("GET", path, params=query)

    async def sim(self, path: str, **body: Any) -> Any:
        """Tells the simulator something under `/__sim`."""
        answer = await self.ask("POST", f"/__sim/{path}", json=body)
        assert answer.status == 200, answer
        return answer.json

    async def fault(self, operation: str, kind: str, **more: Any) -> None:
        await self.sim("faults", operation=operation, kind=kind, **more)

    async def advance(self, seconds: float) -> None:
        await self.sim("clock", advance=seconds)

    async def ledger(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.get("/__sim/calls")).json["calls"]
        return rows

    async def log_in(self, credentials: str = "", **form: str) -> Answer:
        """Asks for a token; the JWT flow unless the form says otherwise."""
        basic = credentials or basic_auth("simulator-client", "simulator-secret")
        return await self.ask(
            "POST",
            "/restapi/oauth/token",
            headers={"Authorization": basic},
            data=form or JWT_GRANT,
        )


def basic_auth(client: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


@asynccontextmanager
async def box(
    *, limits: str = "off", speed: float = STANDING_STILL, **tuning: Any
) -> AsyncIterator[Box]:
    """A fresh simulator and its client; `tuning` is as for `POST /__sim/settings`."""
    settings = SimulatorSettings(
        port=0, speed=speed, limits=limits, tuning=Tuning.model_validate(tuning)
    )
    async with serving(settings) as simulator, aiohttp.ClientSession() as http:
        yield Box(simulator.url, simulator.world, http)
