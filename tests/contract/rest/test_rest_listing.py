"""GET /v1/calls: newest first, filtered, a page at a time."""

from typing import Any
from urllib.parse import quote

import pytest

from orchestrator.domain.clock import rfc3339
from orchestrator.runtime import now
from tests.contract.rest.conftest import PATHS, Rest


async def _ids(rest: Rest, query: str = "") -> list[str]:
    answer = await rest.ask("GET", f"/v1/calls{query}")
    assert answer.status == 200, answer
    return [call["id"] for call in answer.json["calls"]]


async def test_nothing_is_an_empty_page(rest: Rest) -> None:
    answer = await rest.ask("GET", "/v1/calls")

    assert answer.json == {"calls": [], "next": None}
    assert "Link" not in answer.headers


async def test_newest_first_and_as_they_are_read(rest: Rest) -> None:
    ids = [await rest.placed() for _ in range(3)]

    page = (await rest.ask("GET", "/v1/calls")).json["calls"]

    assert [call["id"] for call in page] == ids[::-1]
    alone = (await rest.ask("GET", f"{PATHS[0]}/{ids[-1]}")).json
    assert alone.pop("queue")["position"] == 3, "only the call itself says where it stands"
    assert page[0] == alone


async def test_pages_join_without_gap_or_overlap(rest: Rest) -> None:
    ids = [await rest.placed(clientReference="a b&c") for _ in range(7)]
    await rest.placed()

    found, path = [], "/v1/calls?limit=3&clientReference=a%20b%26c"
    while path:
        answer = await rest.ask("GET", path)
        found += [call["id"] for call in answer.json["calls"]]
        link = answer.headers.get("Link", "")
        assert bool(link) == (answer.json["next"] is not None)
        path = link.partition(">")[0].removeprefix("<")

    assert found == ids[::-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?state=queued", ["plain", "named", "owned"]),
        ("?state=ringing", ["ringing"]),
        ("?state=ended", []),
        ("?clientReference=order%201", ["named"]),
        ("?clientReference=order%201&state=ended", []),
        ("?accountId=77", ["owned"]),
        ("?extensionId=88", ["owned"]),
        ("?accountId=~&extensionId=~", ["ringing", "plain", "named"]),
        ("?limit=2", ["ringing", "plain"]),
    ],
)
async def test_filters(rest: Rest, query: str, expected: list[str]) -> None:
    owned = PATHS[0].replace("account/~", "account/77").replace("extension/~", "extension/88")
    ids = {"owned": (await rest.place(path=owned)).json["id"]}
    ids["named"] = await rest.placed(clientReference="order 1")
    ids["plain"] = await rest.placed()
    ids["ringing"] = await rest.placed()
    await rest.ring(ids["ringing"])

    assert sorted(await _ids(rest, query)) == sorted(ids[name] for name in expected)


async def test_since_and_until(rest: Rest) -> None:
    call_id = await rest.placed()
    before, after = quote(rfc3339(now() - 60_000)), quote(rfc3339(now() + 60_000))

    assert await _ids(rest, f"?since={before}&until={after}") == [call_id]
    assert await _ids(rest, f"?since={after}") == []
    assert await _ids(rest, f"?until={before}") == []
    assert await _ids(rest, "?since=2020-01-01T00:00:00%2B01:00") == [call_id]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=happy", "state"),
        ("state=", "state"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=ten", "limit"),
        ("limit=1e1", "limit"),
        ("since=yesterday", "since"),
        ("since=2026-11-24", "since"),
        ("since=2026-11-24T07:00:00", "since"),
        ("since=2026-02-30T07:00:00Z", "since"),
        ("until=99999-01-01T00:00:00Z", "until"),
        ("cursor=", "cursor"),
        ("cursor=bm9wZQ", "cursor"),
        ("cursor=%E2%82%AC", "cursor"),
        ("cursor=" + "a" * 257, "cursor"),
        ("clientReference=" + "a" * 129, "clientReference"),
        ("accountId=a%20b", "accountId"),
        ("extensionId=%2F", "extensionId"),
        ("colour=blue", "colour"),
        ("state=queued&state=ended", "state"),
    ],
)
async def test_a_query_that_is_not_understood_is_named(rest: Rest, query: str, field: str) -> None:
    answer = await rest.ask("GET", f"/v1/calls?{query}")

    assert (answer.status, answer.json["code"]) == (422, "invalid_field")
    assert [error["field"] for error in answer.json["errors"]] == [field]


async def test_a_filter_that_few_meet_still_finds_them_all(rest: Rest) -> None:
    owned = PATHS[0].replace("account/~", "account/77")
    ids = [(await rest.place(path=owned)).json["id"]]
    for _ in range(450):
        await rest.placed()

    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        more = f"&cursor={cursor}" if cursor else ""
        page: Any = (await rest.ask("GET", f"/v1/calls?accountId=77&limit=1{more}")).json
        found += [call["id"] for call in page["calls"]]
        cursor = page["next"]

    assert found == ids
