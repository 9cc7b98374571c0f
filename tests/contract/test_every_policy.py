"""Every rule that refuses a call is named by REST and by MCP, for the call and for its dry run,
and leaves nothing behind.
"""

import re
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from orchestrator.domain.access import Scope
from orchestrator.domain.tokens import Token
from orchestrator.runtime import backend
from orchestrator.settings import Settings, load
from orchestrator.storage import access_keys, delivery_keys
from orchestrator.storage.backlog import MOST_CALLBACKS, POLICY
from orchestrator.storage.connection import FRONT_END
from orchestrator.storage.digests import Digests
from orchestrator.storage.suppression import Suppression
from tests.contract.mcp.confirmation_kit import Poster
from tests.contract.mcp.conftest import ENVIRONMENT, address
from tests.harness.api_keys import bearer, made
from tests.harness.processes import ROOT, Fleet
from tests.harness.redis import RedisServer

PATH = "/v1/restapi/v1-0/account/~/extension/~/ring-out"
CALLER, CALLEE = "+16505550100", "+16505550123"
RULES = {
    "RINGOUT_REGIONS": "US,GB,DE,CH,AC",
    "RINGOUT_VELOCITY_CALLEE": "1/60",
    "RINGOUT_VELOCITY_CALLER": "2/120",
    "RINGOUT_VELOCITY_KEY": "3/180",
    "RINGOUT_VELOCITY_HOUSE": "5/240",
    "RINGOUT_NUMBERS_KEY": "0123456789abcdef0123456789abcdef",
    "RINGOUT_CALLBACK_SECRET": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "RINGOUT_REST_PORT": "0",
}

NUMBERS = {
    "destination.denied_prefix": "+16504440123",
    "destination.satellite": "+881612345678",
    "destination.emergency": "+9116505551212",
    "destination.premium": "+19005551212",
    "destination.shared_cost": "+49180512345",
    "destination.personal": "+447012345678",
    "destination.pager": "+447640123456",
    "destination.company": "+247542011",
    "destination.voicemail": "+41860123456789",
    "destination.unknown": "+15551234567",
    "destination.region": "+18765551234",
}
SPENT = {
    "velocity.callee": [("one", "+16505550101", CALLEE)],
    "velocity.caller": [("one", CALLER, f"+1650555010{at}") for at in range(1, 3)],
    "velocity.key": [("one", f"+1650555011{at}", f"+1650555010{at}") for at in range(3)],
    "velocity.house": [
        (key, f"+1650555011{at}", f"+1650555010{at}")
        for at, key in enumerate(["one", "two", "two", "three", "three"])
    ],
}
"""The calls (key, caller, callee) that spend a quota and no other that the next call meets."""

OTHERS = {"suppression", "caller.not_allowed", "allowed_hours", POLICY}
POLICIES = sorted({*NUMBERS, *SPENT, *OTHERS})
_NAME = r"(?:destination|velocity|caller|callbacks)\.[a-z_]+|suppression|allowed_hours"


@dataclass(frozen=True)
class House:
    """Both front ends, the keys that may ask, and a look at Redis."""

    rest: str
    mcp: str
    keys: dict[str, Token]
    settings: Settings
    session: aiohttp.ClientSession

    async def posted(self, key: str, body: dict[str, Any]) -> tuple[int, Any]:
        """What REST answers."""
        headers = bearer(self.keys[key].text)
        async with self.session.post(self.rest + PATH, json=body, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    async def told(self, key: str, body: dict[str, Any]) -> dict[str, Any]:
        """What MCP answers."""
        poster = Poster(self.session, self.mcp, self.keys[key].text)
        result: dict[str, Any] = (await poster.post({"body": body}))["result"]
        return result

    async def kept(self) -> dict[bytes, bytes]:
        """Everything in Redis but the keys of the house's callers."""
        async with backend(self.settings, FRONT_END) as parts:
            client = parts.commands.redis
            names = [name async for name in client.scan_iter() if not _is_access(name)]
            return {name: await client.dump(name) for name in names}


def _is_access(name: bytes) -> bool:
    return name.startswith((access_keys.ALL.encode(), access_keys.api_key("").encode()))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A server for these tests alone."""
    own = RedisServer(tmp_path_factory.mktemp("policies"))
    own.start()
    yield own
    own.kill()


@pytest.fixture(scope="module")
def running(
    server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fleet, str, str]]:
    """Both front ends with all rules, and nobody who places calls."""
    denied = tmp_path_factory.mktemp("rules") / "denied"
    denied.write_text("+1650444\n", encoding="utf-8")
    files = {"REDIS_URL": server.url, "RINGOUT_DENIED_PREFIXES_FILE": str(denied)}
    fleet = Fleet({**ENVIRONMENT, **RULES, **files})
    rest, mcp = fleet.command("rest"), fleet.command("mcp")
    yield fleet, rest.line_with("rest listening on").rsplit(" ", 1)[1].rstrip("/"), address(mcp)
    fleet.close()


@pytest.fixture
async def house(
    running: tuple[Fleet, str, str], session: aiohttp.ClientSession
) -> AsyncIterator[House]:
    """Keys, of which `bound` may ring one caller first; nothing else is in Redis."""
    fleet, rest, mcp = running
    settings = load(fleet.environment)
    async with backend(settings, FRONT_END) as parts:
        await parts.commands.redis.flushall()
        digest = await Digests(parts.commands, RULES["RINGOUT_NUMBERS_KEY"]).of("+16505550199")
        some = [Scope.CREATE]
        keys = {name: await made(parts.commands, some) for name in ("one", "two", "three", "spare")}
        keys["bound"] = await made(parts.commands, some, callers=frozenset({digest}))
        yield House(rest, mcp, keys, settings, session)


def _body(caller: str = CALLER, callee: str = CALLEE, **more: Any) -> dict[str, Any]:
    return {"from": {"phoneNumber": caller}, "to": {"phoneNumber": callee}, **more}


def _later() -> dict[str, str]:
    opens = datetime.now(UTC) + timedelta(hours=3)
    closes = opens + timedelta(hours=1)
    return {"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}", "timeZone": "Etc/UTC"}


async def _refused_by(house: House, policy: str) -> list[tuple[str, dict[str, Any]]]:
    """Requests (key, body) that the policy forbids."""
    if policy in NUMBERS:
        number = NUMBERS[policy]
        return [("one", _body(callee=number)), ("one", _body(caller=number))]
    if policy in SPENT:
        for key, caller, callee in SPENT[policy]:
            status, answer = await house.posted(key, _body(caller, callee))
            assert status == 202, answer
        return [("spare" if policy == "velocity.house" else "one", _body())]
    if policy == "suppression":
        async with backend(house.settings, FRONT_END) as parts:
            digests = Digests(parts.commands, RULES["RINGOUT_NUMBERS_KEY"])
            await Suppression(parts.commands, digests).add("+16505550166")
        return [("one", _body(callee="+16505550166")), ("one", _body(caller="+16505550166"))]
    if policy == POLICY:
        index = delivery_keys.of_callbacks(house.keys["one"].key)
        waiting = {f"evt_{at}": 1000 * time.time() for at in range(MOST_CALLBACKS)}
        async with backend(house.settings, FRONT_END) as parts:
            await parts.commands.redis.zadd(index, waiting)
            await parts.commands.redis.expire(index, 60)
        return [("one", _body(callbackUrl="https://example.com/hooks"))]
    if policy == "caller.not_allowed":
        forwarded = {**_body(), "from": {"forwardingNumberId": "42"}}
        return [("bound", _body()), ("bound", forwarded), ("bound", {"to": _body()["to"]})]
    return [("one", _body(allowedHours=_later()))]


@pytest.mark.parametrize("policy", POLICIES)
async def test_both_front_ends_name_it_and_nothing_is_written(house: House, policy: str) -> None:
    for key, body in await _refused_by(house, policy):
        before = await house.kept()
        for wish in (body, {**body, "validateOnly": True}):
            status, problem = await house.posted(key, wish)
            assert (status, problem.get("policy")) == (_status(policy), policy), problem
            result = await house.told(key, wish)
            assert result["isError"], result
            assert re.match(rf"\w+: {re.escape(policy)}\b", result["content"][0]["text"]), result
        assert await house.kept() == before


def _status(policy: str) -> int:
    return 429 if policy.startswith(("velocity.", "callbacks.")) else 422


def _read(of: str, pattern: str) -> set[str]:
    found: set[str] = set()
    for path in sorted((ROOT / of).rglob("*.*")) if (ROOT / of).is_dir() else [ROOT / of]:
        if path.suffix in (".py", ".md"):
            found |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    return found


@pytest.mark.parametrize(
    ("place", "quote"), [("docs/policies.md", "`"), ("orchestrator/service", '"')]
)
def test_no_policy_is_left_out(place: str, quote: str) -> None:
    named = _read(place, rf"{quote}({_NAME}){quote}")
    quotas = {policy for policy in POLICIES if policy.startswith("velocity.")}
    storage = {"suppression", POLICY}
    assert named | (quotas | storage if quote == '"' else set()) == set(POLICIES)


def test_each_kind_of_quota_is_tried() -> None:
    kinds = _read("orchestrator/service/how_often.py", r'"(\w+)": \(')
    assert {f"velocity.{kind}" for kind in kinds} == set(SPENT)
