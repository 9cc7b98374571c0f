"""What receivers get is what the OpenAPI document says that they get."""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from orchestrator.delivery import signing
from orchestrator.domain.access import HOUSE
from orchestrator.domain.events import EventType
from orchestrator.rest.openapi import document
from orchestrator.runtime import FrontEnd, front_end
from orchestrator.settings import load
from tests.e2e.webhook_kit import CALLEE, QUICK, subscribed
from tests.harness.clients import accept, reaches
from tests.harness.processes import Fleet
from tests.harness.receiver import Got, Receiver, receiving
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

DOCUMENT = document()
EXPRESSION = "{$request.body#/callbackUrl}"


@pytest.fixture(autouse=True)
def on_loopback(fleet: Fleet) -> None:
    """Receivers of these tests are on this machine."""
    fleet.environment |= QUICK


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that says yes."""
    async with receiving() as running:
        yield running


def _resolved(part: Mapping[str, Any]) -> Mapping[str, Any]:
    kind, name = part["$ref"].removeprefix("#/components/").split("/")
    found: Mapping[str, Any] = DOCUMENT["components"][kind][name]
    return found


def _faults(item: Mapping[str, Any], got: Got) -> list[str]:
    """What the document does not allow in a request that came."""
    operation = item["post"]
    faults = []
    for header in map(_resolved, operation["parameters"]):
        pattern = header["schema"].get("pattern", ".")
        if header["required"] and not re.search(pattern, got.headers.get(header["name"], "")):
            faults.append(header["name"])
    schema = operation["requestBody"]["content"][got.headers["content-type"]]["schema"]
    whole = {**schema, "components": DOCUMENT["components"]}
    faults += [one.message for one in Draft202012Validator(whole).iter_errors(got.json)]
    return faults


def _kinds(item: Mapping[str, Any]) -> list[str]:
    """The event types that a body of the document may have."""
    media = item["post"]["requestBody"]["content"]["application/json"]
    kind = _resolved(media["schema"])["properties"]["type"]
    return list(_resolved(kind)["enum"]) if "$ref" in kind else [kind["const"]]


async def test_a_webhook_gets_what_the_document_says(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, receiver: Receiver
) -> None:
    fleet.worker()
    webhook, _ = await subscribed(front, receiver.url)
    call_id = await accept(front, CALLEE)
    await reaches(front, call_id, "ended")
    await wait_until(lambda: "call.ended" in receiver.types(call_id))
    told = DOCUMENT["webhooks"]["callEvent"]
    assert _kinds(told) == list(EventType)
    assert [_faults(told, got) for got in receiver.of(call_id)] == [[]] * len(receiver.got)
    await front.webhooks.test(HOUSE, webhook)
    tried = await wait_until(lambda: [one for one in receiver.got if "call_" not in one.body])
    assert _faults(DOCUMENT["webhooks"]["webhookTest"], tried[0]) == []
    assert _faults(told, tried[0]) != []


@pytest.mark.parametrize("suffix", ["", "-alias"])
async def test_a_callback_gets_what_the_document_says(
    fleet: Fleet, simulated: Simulated, receiver: Receiver, suffix: str
) -> None:
    fleet.environment["RINGOUT_CALLBACK_SECRET"] = signing.new_secret()
    fleet.worker()
    async with front_end(load(fleet.environment)) as front:
        call_id = await accept(front, CALLEE, callbackUrl=receiver.url)
        await reaches(front, call_id, "ended")
    await wait_until(lambda: "call.ended" in receiver.types(call_id))
    operations = [item["post"] for item in DOCUMENT["paths"].values() if "post" in item]
    name = f"createringoutcall{suffix}"
    (create,) = [one for one in operations if one["operationId"] == name]
    told = create["callbacks"]["callEvent"][EXPRESSION]
    assert [_faults(told, got) for got in receiver.got] == [[]] * len(receiver.got)
