"""Answers against RingCentral's own OpenAPI document, where that is beside the checkout."""

import json
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from tests.contract.simulator.simulator_kit import ACCOUNT, EXTENSION, RING_OUT, Answer, Box, box

DOCUMENT = Path(__file__).parents[4] / "shared" / "reference" / "ringcentral_openapi_subset.json"
OWN_CALL = "/restapi/v1.0/account/{accountId}/extension/{extensionId}/ring-out"
TOKEN = "/restapi/oauth/token"
URN = "urn:ringcentral"
ERROR = "/components/schemas/ApiErrorResponseModel"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    if not DOCUMENT.is_file():
        pytest.skip(f"RingCentral's OpenAPI document is not at {DOCUMENT}")
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_text())
    allow_words_of_the_sdk(loaded)
    return loaded


def allow_words_of_the_sdk(document: dict[str, Any]) -> None:
    """The document's list of statuses lacks documented words, CannotReach among them."""
    info = document["components"]["schemas"]["RingOutStatusInfo"]
    for field in info["properties"].values():
        field["enum"] = sorted({*field["enum"], *info["x-enum-from-official-sdk-1.8.4"]})


def check(document: dict[str, Any], pointer: str, answer: Answer) -> None:
    """Raises where an answer is not what the schema at a JSON pointer says."""
    registry = Registry().with_resource(URN, Resource.from_contents(document, DRAFT4))
    validator = OAS30Validator(
        {"$ref": f"{URN}#{pointer}"}, registry=registry, format_checker=oas30_format_checker
    )
    problems = [
        f"{error.json_path}: {error.message}" for error in validator.iter_errors(answer.json)
    ]
    assert problems == []


def success(path: str, method: str = "get") -> str:
    """The pointer of an operation's 200 schema."""
    escaped = path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    return f"/paths/{escaped}/{method}/responses/200/content/application~1json/schema"


async def ended_calls(api: Box) -> None:
    """One of each outcome, all long enough ago to be in the log."""
    for digits in ("0123", "0110", "0113", "0116", "0119", "0121", "0122"):
        await api.made(f"+1650555{digits}", callerId={"phoneNumber": "+16505550104"})
    await api.made("+16505550115", playPrompt=True)
    await api.cancel(await api.made())
    await api.advance(50)


@pytest.mark.parametrize("level", ["account", "extension"])
@pytest.mark.parametrize("view", ["Simple", "Detailed"])
@pytest.mark.parametrize("name", ["active-calls", "call-log"])
async def test_records(document: dict[str, Any], level: str, view: str, name: str) -> None:
    owner = {"account": ACCOUNT, "extension": EXTENSION}[level]
    template = OWN_CALL.removesuffix("/ring-out") if level == "extension" else ""
    template = template or "/restapi/v1.0/account/{accountId}"
    async with box(active_calls_lag=(0, 0)) as api:
        await ended_calls(api)
        await api.made()
        await api.advance(2)
        answer = await api.get(f"{owner}/{name}", view=view, perPage=4)
        assert len(answer.json["records"]) == 4
        check(document, success(f"{template}/{name}"), answer)
        wrong = await api.get(f"{owner}/{name}", perPage=0)
        check(document, "/components/schemas/ParameterizedErrorResponseModel", wrong)


async def test_one_record(document: dict[str, Any]) -> None:
    async with box() as api:
        await ended_calls(api)
        for record in (await api.get(f"{EXTENSION}/call-log")).json["records"]:
            one = await api.get(f"{EXTENSION}/call-log/{record['id']}", view="Detailed")
            check(document, "/components/schemas/CallLogRecord", one)


@pytest.mark.parametrize("digits", ["0123", "0110", "0113", "0116", "0119", "0120", "0121", "0124"])
async def test_ring_outs(document: dict[str, Any], digits: str) -> None:
    async with box() as api:
        made = await api.make(f"+1650555{digits}")
        check(document, success(OWN_CALL, "post"), made)
        for _ in range(16):
            await api.advance(1)
            read = await api.read(made.json["id"])
            check(document, success(f"{OWN_CALL}/{{ringoutId}}"), read)


SCOPE = "CallControl ReadAccounts ReadPresence RingOut"
OWN_SESSION = "/restapi/v1.0/account/{accountId}/telephony/sessions/{telephonySessionId}"


@pytest.mark.parametrize("digits", ["0123", "0110", "0113", "0116", "0121", "0128"])
async def test_sessions_and_presence(document: dict[str, Any], digits: str) -> None:
    async with box(scope=SCOPE, presence_lag=(0, 0), phantom_inbound=True) as api:
        ringout_id = await api.made(f"+1650555{digits}", playPrompt=True)
        for _ in range(16):
            session = await api.get(f"{ACCOUNT}/telephony/sessions/{ringout_id}")
            check(document, success(OWN_SESSION), session)
            party = session.json["parties"][-1]["id"]
            path = f"{ACCOUNT}/telephony/sessions/{ringout_id}/parties/{party}"
            template = f"{OWN_SESSION}/parties/{{partyId}}"
            check(document, success(template), await api.get(path))
            presence = await api.get(f"{EXTENSION}/presence", detailedTelephonyState="true")
            template = OWN_CALL.replace("/ring-out", "/presence")
            check(document, success(template), presence)
            await api.advance(1)


@pytest.mark.parametrize("name", ["forwarding-number", "phone-number"])
async def test_numbers(document: dict[str, Any], name: str) -> None:
    async with box() as api:
        for query in ({}, {"perPage": 1, "page": 2}):
            answer = await api.get(f"{EXTENSION}/{name}", **query)
            check(document, success(OWN_CALL.replace("ring-out", name)), answer)


async def test_tokens(document: dict[str, Any]) -> None:
    async with box(issue_refresh_tokens=True) as api:
        check(document, success(TOKEN, "post"), await api.log_in())
        refused = await api.log_in("Basic x")
        check(
            document,
            "/components/responses/OauthInvalidRequest/content/application~1json/schema",
            refused,
        )


@pytest.mark.parametrize(("path", "template"), [("", ""), ("/v1.0", "/{apiVersion}")])
async def test_versions(document: dict[str, Any], path: str, template: str) -> None:
    async with box() as api:
        check(document, success(f"/restapi{template}"), await api.get(f"/restapi{path}"))


async def test_errors(document: dict[str, Any]) -> None:
    async with box(limits="light=3/60") as api:
        answers = [
            await api.make("nobody"),
            await api.make("+16505550117"),
            await api.read("x"),
            await api.cancel("x"),
            await api.get("/restapi/nowhere"),
            await api.ask("GET", f"{RING_OUT}/x", headers={}),
            *[await api.read("x") for _ in range(3)],
        ]
        await api.fault("make", "status", status=503)
        answers.append(await api.make())
        assert [one.status for one in answers] == [400, 403, 404, 404, 404, 401, 404, 404, 429, 503]
        for answer in answers:
            check(document, ERROR, answer)


async def test_the_check_can_fail(document: dict[str, Any]) -> None:
    broken = Answer(200, {}, '{"id": 7, "status": {"callStatus": "Perhaps"}}')
    with pytest.raises(AssertionError, match=r"is not of type"):
        check(document, success(OWN_CALL, "post"), broken)
