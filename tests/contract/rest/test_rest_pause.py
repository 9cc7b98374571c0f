"""The pause switch and allowed hours over REST: what is shown, and what is refused."""

from typing import Any

import pytest

from orchestrator.domain.access import Scope
from orchestrator.runtime import now
from tests.contract.rest.conftest import BODY, Rest
from tests.harness.api_keys import bearer, made
from tests.harness.waiting import wait_until

PATH = "/v1/pause"
SOMEBODY = "oidc_0123456789abcdef01234567"


def hours(begin: int, end: int) -> dict[str, str]:
    """Allowed hours, in minutes from now."""
    minute = now() // 60_000
    texts = [f"{at // 60:02}:{at % 60:02}" for at in ((minute + m) % 1440 for m in (begin, end))]
    return {"from": texts[0], "to": texts[1], "timeZone": "Etc/UTC"}


async def test_pauses_are_shown_as_they_begin_and_end(rest: Rest) -> None:
    nothing: dict[str, Any] = {"paused": False, "house": None, "keys": [], "underWay": 0}
    assert (await rest.ask("GET", PATH)).json == nothing
    whole = await rest.ask("PUT", PATH, json={"reason": "call +16505550199"})
    assert whole.json["house"]["reason"] == "call +16*****0199"
    dashed = await rest.ask(
        "PUT", PATH, json={"reason": "650 - 555 \N{EN DASH} 0199 from 20:45:08"}
    )
    assert dashed.json["house"]["reason"] == "650****199 from 20:45:08"
    both = await rest.ask("PUT", PATH, json={"key": SOMEBODY})
    assert ([one["key"] for one in both.json["keys"]], both.json["paused"]) == ([SOMEBODY], True)
    assert (await rest.ask("GET", PATH)).json == both.json
    assert (await rest.ask("GET", "/readyz")).status == 200
    assert (await rest.placed()).startswith("call_")
    left = await rest.ask("DELETE", PATH)
    assert (left.json["paused"], len(left.json["keys"])) == (False, 1)
    assert (await rest.ask("DELETE", f"{PATH}?key={SOMEBODY}")).json == nothing
    assert (await rest.ask("DELETE", f"{PATH}?key={SOMEBODY}")).json == nothing


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": 5}, "reason"),
        ({"reason": "x" * 201}, "reason"),
        ({"reason": "a\u0000b"}, "reason"),
        ({"key": "a b"}, "key"),
        ({"key": ""}, "key"),
        ({"key": "16505550123"}, "key"),
        ({"key": "mistyped"}, "key"),
        ({"key": "oidc_nobody"}, "key"),
        ({"why": "x"}, "why"),
        ([], "body"),
    ],
)
async def test_what_is_no_pause_names_its_field(rest: Rest, body: Any, field: str) -> None:
    answer = await rest.ask("PUT", PATH, json=body)
    assert answer.status == 422
    assert [one["field"] for one in answer.json["errors"]] == [field]
    assert (await rest.ask("GET", PATH)).json["paused"] is False


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_it_is_for_who_runs_the_house(rest: Rest, method: str) -> None:
    commands = rest.front.backend.commands
    others = await made(commands, (Scope.CREATE, Scope.READ, Scope.CANCEL, Scope.WEBHOOKS))
    body: dict[str, Any] = {"json": {}} if method == "PUT" else {}

    async def is_closed() -> bool:
        return (await rest.ask("GET", PATH)).status == 401

    await wait_until(is_closed, 5)
    answer = await rest.ask(method, PATH, headers=bearer(others.text), **body)
    assert (answer.status, answer.json["code"]) == (403, "insufficient_scope")
    mine = await made(commands, (Scope.OPS,))
    assert (await rest.ask(method, PATH, headers=bearer(mine.text), **body)).status == 200


@pytest.mark.parametrize("query", ["key=a%20b", "key=16505550123", "key=a&key=b", "name=a"])
async def test_what_names_no_pause_is_refused(rest: Rest, query: str) -> None:
    assert (await rest.ask("DELETE", f"{PATH}?{query}")).status == 422


async def test_hours_that_do_not_come_in_time_are_refused(rest: Rest) -> None:
    answer = await rest.place({**BODY, "allowedHours": hours(5, 10), "expiresIn": 60})
    assert (answer.status, answer.json["policy"]) == (422, "allowed_hours")
    assert [one["field"] for one in answer.json["errors"]] == ["allowedHours"]
    assert await rest.front.backend.commands.redis.dbsize() == 0


@pytest.mark.parametrize("minutes", [(-1, 5), (2, 10)])
async def test_hours_that_come_in_time_are_accepted(rest: Rest, minutes: tuple[int, int]) -> None:
    allowed = hours(*minutes)
    answer = await rest.place({**BODY, "allowedHours": allowed, "expiresIn": 600})
    assert (answer.status, answer.json["state"]) == (202, "queued")
