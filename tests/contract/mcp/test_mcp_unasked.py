"""Who is not asked, since the call is made already, never makes another."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from orchestrator.domain import calls
from orchestrator.domain.words import Outcome
from orchestrator.edge.door import Door
from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.settings import load
from orchestrator.storage.connection import FRONT_END, Commands
from orchestrator.storage.keys import CALLS
from orchestrator.storage.scripts import Script
from tests.contract.mcp.confirmation_kit import Poster
from tests.contract.mcp.conftest import BODY, ENVIRONMENT
from tests.contract.mcp.serving_kit import serving

WISH = {"body": BODY, "idempotencyKey": "wish 1"}


class RunsOut(Commands):
    """A server on which a key's time is over as soon as a call was found by it."""

    async def run(self, script: Script, keys: Sequence[str], *args: Any) -> Any:
        """The script's answer."""
        answer = await super().run(script, keys, *args)
        if answer[0] == b"replayed":
            assert await self.execute("DEL", keys[2]) == 1
        return answer


@dataclass(frozen=True, slots=True)
class Forgetful:
    """A front end whose keys run out, and a client of it."""

    front: FrontEnd
    poster: Poster

    async def calls(self) -> list[str]:
        """The ids of all calls that are written down."""
        found = await self.front.backend.commands.execute("ZRANGE", CALLS, 0, -1)
        return [one.decode() for one in found]


@pytest.fixture(params=["required", "when-possible"])
async def forgetful(
    request: pytest.FixtureRequest, redis_url: str, session: aiohttp.ClientSession
) -> AsyncIterator[Forgetful]:
    policy = {"RINGOUT_MCP_CONFIRMATION": request.param, "RINGOUT_VELOCITY_CALLEE": "off"}
    settings = load({**ENVIRONMENT, **policy, "REDIS_URL": redis_url, "RINGOUT_DOUBLE_CLICK": "0"})
    async with front_end(settings) as front:
        front.backend.store.commands = RunsOut(front.backend.commands.redis, FRONT_END)
        async with serving(front, settings, Door()) as url:
            yield Forgetful(front, Poster(session, url))


async def test_the_answer_is_the_call_though_its_key_runs_out_meanwhile(
    forgetful: Forgetful,
) -> None:
    poster = forgetful.poster
    made = await poster.made(WISH, (await poster.asked(WISH))["requestState"])
    store = forgetful.front.backend.store
    await store.change(made, lambda call: calls.ended(call, now(), Outcome.FAILED))

    again = (await poster.post(WISH))["result"]

    assert again["structuredContent"]["id"] == made
    assert again["structuredContent"]["outcome"] == "failed"
    assert await forgetful.calls() == [made]


async def test_without_its_key_a_person_is_asked_anew(forgetful: Forgetful) -> None:
    poster = forgetful.poster
    made = await poster.made(WISH, (await poster.asked(WISH))["requestState"])
    await poster.post(WISH)

    await poster.asked(WISH)

    assert await forgetful.calls() == [made]
