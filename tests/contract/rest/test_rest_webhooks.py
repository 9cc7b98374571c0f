"""Webhooks over REST: what is asked for, what is refused, what is shown; no worker runs."""

import asyncio
import json
import re
from typing import Any

import pytest

from orchestrator.domain.events import EventType
from orchestrator.runtime import delivery_job, now
from orchestrator.storage.dispatching import Dispatching, New
from tests.contract.rest.conftest import BODY, Rest

URL = "https://example.com/hooks?key=1"
NOBODY = "wh_" + "0" * 32
NOTHING = "dlv_" + "0" * 32


async def created(rest: Rest, **wish: Any) -> dict[str, Any]:
    """A new webhook."""
    answer = await rest.ask("POST", "/v1/webhooks", json={"url": URL, **wish})
    assert answer.status == 201, answer
    webhook: dict[str, Any] = answer.json
    return webhook


async def made(rest: Rest, webhook_id: str, count: int = 1) -> list[str]:
    """Deliveries under way, the oldest first."""
    commands, blocking = rest.front.backend.commands, rest.front.backend.blocking
    dispatching = Dispatching(commands, blocking, now, delivery_job)
    ids = []
    for number in range(count):
        name = f"{number:032x}"
        ids.append(f"dlv_{name}")
        await dispatching.write_one(
            New(ids[-1], webhook_id, name, "call.queued", name, "1", 1_000_000 + number, "{}")
        )
    return ids


async def test_the_secret_is_shown_once(rest: Rest) -> None:
    answer = await rest.ask("POST", "/v1/webhooks", json={"url": URL})
    webhook = answer.json
    assert answer.status == 201
    assert answer.headers["Location"] == f"/v1/webhooks/{webhook['id']}"
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", webhook["secret"])
    assert (webhook["url"], webhook["enabled"], webhook["eventTypes"]) == (URL, True, None)
    again = await rest.ask("GET", answer.headers["Location"])
    del webhook["secret"]
    assert again.json == webhook
    assert (await rest.ask("GET", "/v1/webhooks")).json == {"webhooks": [webhook]}


async def test_all_that_may_be_said_is_kept(rest: Rest) -> None:
    wish = {
        "eventTypes": ["call.ended", "call.queued", "call.ended"],
        "filters": {"clientReference": "order 4711", "accountId": "~", "extensionId": "123"},
        "description": "billing",
    }
    webhook = await created(rest, **wish)
    assert webhook["eventTypes"] == ["call.ended", "call.queued"]
    assert webhook["filters"] == wish["filters"]
    assert webhook["description"] == "billing"


async def test_what_a_change_leaves_out_stays(rest: Rest) -> None:
    webhook = await created(rest, eventTypes=["call.ended"], description="old")
    path = f"/v1/webhooks/{webhook['id']}"
    assert (await rest.ask("PATCH", path, json={})).json["eventTypes"] == ["call.ended"]
    changed = await rest.ask("PATCH", path, json={"description": None, "enabled": False})
    assert changed.json["description"] is None
    assert changed.json["eventTypes"] == ["call.ended"]
    assert changed.json["disabled"]["code"] == "by_request"
    back = await rest.ask(
        "PATCH", path, json={"enabled": True, "eventTypes": None, "url": "https://other.example/"}
    )
    assert (back.json["enabled"], back.json["disabled"]) == (True, None)
    assert (back.json["eventTypes"], back.json["url"]) == (None, "https://other.example/")


async def test_two_changes_at_once_both_count(rest: Rest) -> None:
    path = f"/v1/webhooks/{(await created(rest))['id']}"
    wishes = ({"description": "one"}, {"eventTypes": ["call.ended"]}, {"enabled": False})
    await asyncio.gather(*(rest.ask("PATCH", path, json=wish) for wish in wishes))
    webhook = (await rest.ask("GET", path)).json
    assert (webhook["description"], webhook["eventTypes"]) == ("one", ["call.ended"])
    assert webhook["enabled"] is False


async def test_a_secret_is_replaced(rest: Rest) -> None:
    webhook = await created(rest)
    path = f"/v1/webhooks/{webhook['id']}/rotate-secret"
    first = await rest.ask("POST", path)
    second = await rest.ask("POST", path, json={"overlapSeconds": 0})
    assert len({webhook["secret"], first.json["secret"], second.json["secret"]}) == 3
    kept = await rest.front.webhooks.webhooks.get(webhook["id"])
    assert [one.value for one in kept.secrets] == [second.json["secret"]]


async def test_a_webhook_that_is_deleted_is_gone_with_its_deliveries(rest: Rest) -> None:
    webhook = await created(rest)
    (delivery,) = await made(rest, webhook["id"])
    path = f"/v1/webhooks/{webhook['id']}"
    assert (await rest.ask("DELETE", path)).status == 204
    for gone in (path, f"{path}/deliveries"):
        assert (await rest.ask("GET", gone)).json["code"] == "webhook_not_found"
    assert (await rest.ask("DELETE", path)).status == 404
    assert (await rest.ask("GET", f"/v1/deliveries/{delivery}")).status == 404
    assert (await rest.ask("GET", "/v1/deliveries")).json["deliveries"] == []
    keys = await rest.front.backend.commands.redis.keys("*")
    assert [key for key in keys if webhook["id"].encode() in key] == []
    assert [key for key in keys if b"deliver" in key] == []


async def test_there_are_not_more_than_a_hundred(rest: Rest) -> None:
    for _ in range(100):
        await created(rest)
    answer = await rest.ask("POST", "/v1/webhooks", json={"url": URL})
    assert (answer.status, answer.json["code"]) == (409, "too_many_webhooks")


async def test_deliveries_are_listed_a_page_at_a_time(rest: Rest) -> None:
    webhook = await created(rest)
    ids = await made(rest, webhook["id"], 5)
    for path in ("/v1/deliveries", f"/v1/webhooks/{webhook['id']}/deliveries"):
        seen, query = [], "?limit=2&state=pending"
        while query:
            page = await rest.ask("GET", path + query)
            seen += [one["id"] for one in page.json["deliveries"]]
            link = page.headers.get("Link", "")
            assert bool(link) == (page.json["next"] is not None)
            query = link.partition("?")[2].partition(">")[0]
            query = f"?{query}" if query else ""
        assert seen == ids[::-1]
    none = await rest.ask("GET", "/v1/deliveries?state=dead")
    assert none.json == {"deliveries": [], "next": None}
    one = await rest.ask("GET", f"/v1/deliveries/{ids[0]}")
    assert (one.json["state"], one.json["attempts"]) == ("pending", 0)


async def test_a_delivery_to_a_disabled_webhook_is_not_made_anew(rest: Rest) -> None:
    webhook = await created(rest)
    (delivery,) = await made(rest, webhook["id"])
    path = f"/v1/webhooks/{webhook['id']}"
    await rest.ask("PATCH", path, json={"enabled": False})
    since = {"since": "2020-01-01T00:00:00Z"}
    for asked, body in (
        (f"/v1/deliveries/{delivery}/redeliver", None),
        (f"{path}/redeliver", since),
        (f"{path}/test", None),
    ):
        answer = await rest.ask("POST", asked, json=body)
        assert (answer.status, answer.json["code"]) == (409, "webhook_disabled")


async def test_a_test_event_is_on_its_way(rest: Rest) -> None:
    webhook = await created(rest)
    answer = await rest.ask("POST", f"/v1/webhooks/{webhook['id']}/test")
    assert (answer.status, answer.json["type"]) == (202, "webhook.test")
    assert (await rest.ask("GET", answer.headers["Location"])).json == answer.json
    counted = await rest.ask("GET", f"/v1/webhooks/{webhook['id']}")
    assert counted.json["health"]["pending"] == 1


BAD_WISHES: list[tuple[Any, str]] = [
    ({}, "url"),
    ([], "body"),
    ("https://example.com/", "body"),
    ({"url": None}, "url"),
    ({"url": 1}, "url"),
    ({"url": ""}, "url"),
    ({"url": "example.com"}, "url"),
    ({"url": "http://example.com/"}, "url"),
    ({"url": "https://user:password@example.com/"}, "url"),
    ({"url": "https://example.com/#fragment"}, "url"),
    ({"url": "https://example.com/" + "a" * 2_048}, "url"),
    ({"url": "https://127.0.0.1/"}, "url"),
    ({"url": "https://[::ffff:10.0.0.1]/"}, "url"),
    ({"url": URL, "eventTypes": []}, "eventTypes"),
    ({"url": URL, "eventTypes": "call.ended"}, "eventTypes"),
    ({"url": URL, "eventTypes": ["call.exploded"]}, "eventTypes.0"),
    ({"url": URL, "eventTypes": ["call.ended", None]}, "eventTypes.1"),
    ({"url": URL, "filters": {"to": "+16505550123"}}, "filters.to"),
    ({"url": URL, "filters": {"clientReference": "x" * 129}}, "filters.clientReference"),
    ({"url": URL, "filters": {"clientReference": ""}}, "filters.clientReference"),
    ({"url": URL, "filters": {"accountId": "a/b"}}, "filters.accountId"),
    ({"url": URL, "filters": []}, "filters"),
    ({"url": URL, "description": "x" * 257}, "description"),
    ({"url": URL, "description": "a\nb"}, "description"),
    ({"url": URL, "secret": "whsec_mine"}, "secret"),
    ({"url": URL, "enabled": False}, "enabled"),
]


@pytest.mark.parametrize(("wish", "field"), BAD_WISHES)
async def test_a_wish_that_is_not_usable_is_refused_by_field(
    rest: Rest, wish: Any, field: str
) -> None:
    answer = await rest.ask("POST", "/v1/webhooks", json=wish)
    assert (answer.status, answer.json["code"]) == (422, "invalid_field")
    assert field in [one["field"] for one in answer.json["errors"]]
    assert "password" not in json.dumps(answer.json).replace("a user or a password", "")
    assert (await rest.ask("GET", "/v1/webhooks")).json == {"webhooks": []}


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PATCH", "", {"url": None}, "url"),
        ("PATCH", "", {"url": "ftp://example.com"}, "url"),
        ("PATCH", "", {"enabled": None}, "enabled"),
        ("PATCH", "", {"enabled": "yes"}, "enabled"),
        ("PATCH", "", {"eventTypes": ["nothing"]}, "eventTypes.0"),
        ("PATCH", "", {"id": "wh_1"}, "id"),
        ("POST", "/rotate-secret", {"overlapSeconds": -1}, "overlapSeconds"),
        ("POST", "/rotate-secret", {"overlapSeconds": 1.5}, "overlapSeconds"),
        ("POST", "/rotate-secret", {"overlapSeconds": 99_999_999}, "overlapSeconds"),
        ("POST", "/redeliver", {}, "since"),
        ("POST", "/redeliver", {"since": "yesterday"}, "since"),
        ("POST", "/redeliver", {"since": "2026-11-24"}, "since"),
        ("POST", "/redeliver", {"since": 1}, "since"),
        ("GET", "/deliveries?state=lost", None, "state"),
        ("GET", "/deliveries?limit=0", None, "limit"),
        ("GET", "/deliveries?cursor=x", None, "cursor"),
        ("GET", "/deliveries?webhook=x", None, "webhook"),
        ("GET", "/deliveries?limit=1&limit=2", None, "limit"),
    ],
)
async def test_bad_input_about_a_webhook_is_refused_by_field(
    rest: Rest, method: str, path: str, body: Any, field: str
) -> None:
    webhook = await created(rest)
    answer = await rest.ask(method, f"/v1/webhooks/{webhook['id']}{path}", json=body)
    assert (answer.status, answer.json["code"]) == (422, "invalid_field")
    assert [one["field"] for one in answer.json["errors"]] == [field]


@pytest.mark.parametrize("webhook_id", [NOBODY, "wh_1", "x", "%2e%2e", "wh_%F0%9F%98%80"])
async def test_a_webhook_that_there_is_not(rest: Rest, webhook_id: str) -> None:
    path = f"/v1/webhooks/{webhook_id}"
    since = {"since": "2020-01-01T00:00:00Z"}
    for method, more, body in (
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", {}),
        ("POST", "/test", None),
        ("POST", "/redeliver", since),
        ("GET", "/deliveries", None),
    ):
        answer = await rest.ask(method, path + more, json=body)
        assert (answer.status, answer.json["code"]) == (404, "webhook_not_found")


@pytest.mark.parametrize("delivery_id", [NOTHING, "dlv_1", "x"])
async def test_a_delivery_that_there_is_not(rest: Rest, delivery_id: str) -> None:
    path = f"/v1/deliveries/{delivery_id}"
    for method, asked in (("GET", path), ("POST", f"{path}/redeliver")):
        answer = await rest.ask(method, asked)
        assert (answer.status, answer.json["code"]) == (404, "delivery_not_found")


@pytest.mark.parametrize("path", ["/v1/webhooks", f"/v1/webhooks/{NOBODY}/redeliver"])
async def test_a_body_that_is_not_json_is_refused(rest: Rest, path: str) -> None:
    options: dict[str, Any] = {"data": b"{", "headers": {"Content-Type": "application/json"}}
    assert (await rest.ask("POST", path, **options)).status == 400
    assert (await rest.ask("POST", path, data=b"url=x")).status == 415


@pytest.mark.parametrize(
    "url",
    ["", "http://example.com/", "https://u@example.com/", "https://example.com/" + "a" * 2048],
)
async def test_a_callback_is_held_to_the_same_rules(rest: Rest, url: str) -> None:
    answer = await rest.place({**BODY, "callbackUrl": url})
    assert answer.status == 422
    assert [one["field"] for one in answer.json["errors"]] == ["callbackUrl"]


async def test_the_event_types_are_documented(rest: Rest) -> None:
    document = (await rest.ask("GET", "/openapi.json")).json
    assert document["components"]["schemas"]["EventType"]["enum"] == list(EventType)
