"""REST on what is remembered: a phone is forgotten, and who did what is listed, for `ops` alone."""

import pytest

from orchestrator.storage import keys
from tests.contract.rest.conftest import Rest

NUMBER = "+16505550123"


async def test_a_phone_is_forgotten_and_the_audit_stream_tells(rest: Rest) -> None:
    placed = await rest.place()
    answer = await rest.ask("POST", "/v1/forget", json={"phoneNumber": NUMBER})

    assert (answer.status, answer.json["number"]) == (200, "+16*****0123")
    assert answer.json["cancelled"] == [placed.json["id"]]
    assert (answer.json["inUse"], answer.json["found"]) == ([], [])
    assert NUMBER[1:] not in answer.raw.decode()

    page = (await rest.ask("GET", "/v1/audit?limit=1")).json
    assert page["entries"][0]["action"] == "number.forgotten"
    assert NUMBER[1:] not in str(page)
    following = (await rest.ask("GET", f"/v1/audit?limit=200&before={page['next']}")).json
    assert page["entries"][0]["id"] not in {one["id"] for one in following["entries"]}
    assert following["next"] is None


@pytest.mark.parametrize(
    "body", [{}, {"phoneNumber": "911"}, {"phoneNumber": 1}, {"phoneNumber": NUMBER, "x": 1}, []]
)
async def test_what_is_no_number_is_refused(rest: Rest, body: object) -> None:
    answer = await rest.ask("POST", "/v1/forget", json=body)

    assert answer.status in (400, 422)
    assert "*" not in answer.raw.decode()
    assert await rest.front.backend.commands.redis.dbsize() == 0


@pytest.mark.parametrize("place", ["0-0", "0-1", "00-00", "9999999999999999-9999999999999999"])
async def test_a_page_may_be_empty(rest: Rest, place: str) -> None:
    answer = await rest.ask("GET", f"/v1/audit?before={place}")
    assert (answer.status, answer.json) == (200, {"entries": [], "next": None})


async def test_what_others_wrote_does_not_hide_the_rest_of_the_audit_stream(rest: Rest) -> None:
    add = rest.front.backend.commands.execute
    await rest.place()
    for fields in (["a", "b"], [b"\xff", b"\xff"], ["action", "call.accepted", "via", b"\xfe"]):
        await add("XADD", keys.AUDIT, "*", *fields)
    await rest.place()

    answer = await rest.ask("GET", "/v1/audit")

    told = [(one["action"], one["via"], one["actor"]) for one in answer.json["entries"]]
    ours = ("call.accepted", "rest", told[0][2])
    unreadable = ("unreadable", "", "")
    foreign = [("call.accepted", "\ufffd", ""), unreadable, unreadable]
    assert (answer.status, told) == (200, [ours, *foreign, ours])


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "before=x", "limit=1&limit=2", "y=1"])
async def test_a_wrong_query_is_refused(rest: Rest, query: str) -> None:
    assert (await rest.ask("GET", f"/v1/audit?{query}")).status == 422
