"""Arguments that are not understood: the field is named, the value is not repeated, nothing is
written."""

from collections.abc import Callable
from typing import Any

import pytest
from mcp import Client

from tests.contract.mcp.conftest import BODY, refusal_of

SECRET = "+1 (650) 555-9876"
DIGITS = "5559876"
TO = {"phoneNumber": "+16505550123"}

MAKE = {
    "no body": ({}, "body"),
    "body is null": ({"body": None}, "body"),
    "body is a list": ({"body": [SECRET]}, "body"),
    "body is text": ({"body": SECRET}, "body"),
    "body is deep text": ({"body": "[" * 30_000}, "body"),
    "body is text of no object": ({"body": f'["{SECRET}"]'}, "body"),
    "body names a number twice": (
        {"body": f'{{"to": {{"phoneNumber": "+16505550123", "phoneNumber": "{SECRET}"}}}}'},
        "body: must be an object, or one as JSON text. A name occurs twice in the same object.",
    ),
    "body is text that is no JSON": (
        {"body": '{"to": {"phoneNumber": "+16505550123"}, "expiresIn": NaN}'},
        "body: must be an object, or one as JSON text. NaN and Infinity are not JSON.",
    ),
    "body is text of a broken character": ({"body": '{"to": "\\ud800"}'}, "body.to"),
    "body is empty": ({"body": {}}, "body.to"),
    "to is text": ({"body": {"to": SECRET}}, "body.to"),
    "to is not a number": ({"body": {"to": {"phoneNumber": SECRET + "x"}}}, "body.to.phoneNumber"),
    "to is an integer": ({"body": {"to": {"phoneNumber": 16505559876}}}, "body.to.phoneNumber"),
    "to is too long": ({"body": {"to": {"phoneNumber": "+1" * 99}}}, "body.to.phoneNumber"),
    "to has more": ({"body": {"to": {**TO, "fax": SECRET}}}, "body.to.fax"),
    "from is empty": ({"body": {"to": TO, "from": {}}}, "body.from"),
    "from is both": (
        {"body": {"to": TO, "from": {"phoneNumber": SECRET, "forwardingNumberId": "1"}}},
        "body.from",
    ),
    "callerId": ({"body": {"to": TO, "callerId": {"phoneNumber": ""}}}, "body.callerId.phone"),
    "playPrompt": ({"body": {"to": TO, "playPrompt": "yes"}}, "body.playPrompt"),
    "country": ({"body": {"to": TO, "country": {"id": 1}}}, "body.country.id"),
    "clientReference": (
        {"body": {"to": TO, "clientReference": SECRET * 9}},
        "body.clientReference",
    ),
    "expiresIn": ({"body": {"to": TO, "expiresIn": 0}}, "body.expiresIn"),
    "body has more": ({"body": {"to": TO, "colour": SECRET}}, "body.colour"),
    "one more argument": ({"body": BODY, "colour": SECRET}, "colour"),
    "an argument named by a number": ({"body": BODY, "+16505559876": 1}, "+16*****9876"),
    "a very long name": ({"body": BODY, "x" * 9_999: 1}, "xxx..."),
    "a name that cannot be shown": ({"body": BODY, "\x1b[2J\u2028": 1}, "?[2J?"),
    "accountId": ({"body": BODY, "accountId": f"../{SECRET}"}, "accountId"),
    "extensionId": ({"body": BODY, "extensionId": 1}, "extensionId"),
    "idempotencyKey is empty": ({"body": BODY, "idempotencyKey": ""}, "idempotencyKey"),
    "idempotencyKey is long": ({"body": BODY, "idempotencyKey": SECRET * 99}, "idempotencyKey"),
    "idempotencyKey is control": ({"body": BODY, "idempotencyKey": "a\nb"}, "idempotencyKey"),
}
OTHERS = {
    "no ringoutId": ({}, "ringoutId"),
    "ringoutId is empty": ({"ringoutId": ""}, "ringoutId"),
    "ringoutId is a path": ({"ringoutId": f"../{SECRET}"}, "ringoutId"),
    "ringoutId is an integer": ({"ringoutId": 16505559876}, "ringoutId"),
    "ringoutId is long": ({"ringoutId": "1" * 257}, "ringoutId"),
    "accountId": ({"ringoutId": "call_1", "accountId": ""}, "accountId"),
    "one more argument": ({"ringoutId": "call_1", "body": SECRET}, "body"),
}
CASES = [
    pytest.param(tool, arguments, field, id=f"{tool}: {what}")
    for tool, cases in (
        ("make-ringout-call", MAKE),
        ("get-ringout-call-status", OTHERS),
        ("cancel-ringout-call", OTHERS),
    )
    for what, (arguments, field) in cases.items()
]


@pytest.mark.parametrize(("tool", "arguments", "field"), CASES)
async def test_the_field_is_named_and_nothing_is_done(
    client: Client,
    tool: str,
    arguments: dict[str, Any],
    field: str,
    keys: Callable[[], list[str]],
) -> None:
    said = refusal_of(await client.call_tool(tool, arguments))
    assert said.startswith("invalid_field: ")
    assert field in said
    assert said.endswith(f"Nothing was done. Correct what is named here and call {tool} again.")
    assert DIGITS not in said
    assert SECRET not in said
    assert keys() == []


async def test_not_every_one_of_many_is_listed(client: Client) -> None:
    arguments = {"body": BODY, **{f"argument {index}": 1 for index in range(1_000)}}
    said = refusal_of(await client.call_tool("make-ringout-call", arguments))
    assert "and 992 more" in said
    assert len(said) < 1_000


async def test_a_tool_that_does_not_exist(client: Client) -> None:
    assert "Unknown tool" in refusal_of(await client.call_tool("dial", {}))
