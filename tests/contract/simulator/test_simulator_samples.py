"""Whole answers against samples written by hand: each member, no more and no less.

In a sample, `<id>`, `<uri>`, `<time>`, `<number>` and `<text>` stand for what differs from run to
run. `advance` is how many simulated seconds pass before each request; `{id}` in a path is the
id of the call the sample made before, and `{record}` that of its record.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.contract.simulator.simulator_kit import JWT_GRANT, Answer, Box, box

FILES = sorted((Path(__file__).parent / "samples").glob("*.json"))
SAMPLES: dict[str, Any] = {file.stem: json.loads(file.read_text()) for file in FILES}
PLACEHOLDERS = {
    "<id>": r"s-a[0-9a-f]+z[0-9a-f]{8}",
    "<uri>": r"http://127\.0\.0\.1:\d+/restapi\S*",
    "<time>": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "<text>": r"\S+",
}


def differences(expected: Any, actual: Any, where: str = "$") -> list[str]:
    """Where an answer is not as the sample says."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        missing = [f"{where}.{name}" for name in expected.keys() ^ actual.keys()]
        shared = [name for name in expected if name in actual]
        below = [differences(expected[name], actual[name], f"{where}.{name}") for name in shared]
        return missing + [one for several in below for one in several]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [one for at, (e, a) in pairs for one in differences(e, a, f"{where}[{at}]")]
    return [] if same(expected, actual) else [f"{where}: {actual!r}, not {expected!r}"]


def same(expected: Any, actual: Any) -> bool:
    if expected == "<number>":
        return isinstance(actual, int)
    if expected in PLACEHOLDERS if isinstance(expected, str) else False:
        return isinstance(actual, str) and bool(re.fullmatch(PLACEHOLDERS[expected], actual))
    return bool(expected == actual) and type(expected) is type(actual)


async def asked(api: Box, step: dict[str, Any], known: dict[str, str]) -> Answer:
    path = step["path"].format_map(known)
    if path == "/restapi/oauth/token":
        return await api.log_in(**{**JWT_GRANT, **step.get("form", {})})
    if "body" in step:
        return await api.ask(step["method"], path, json=step["body"])
    return await api.ask(step["method"], path)


def learn(known: dict[str, str], answer: Answer) -> None:
    body = answer.json if answer.text else {}
    if "status" in body:
        known["id"] = body["id"]
    if body.get("records"):
        known["record"] = body["records"][0]["id"]


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_sample(name: str) -> None:
    sample = SAMPLES[name]
    known: dict[str, str] = {}
    async with box(**sample.get("settings", {})) as api:
        for step in sample["steps"]:
            await api.advance(step.get("advance", 0))
            answer = await asked(api, step, known)
            assert answer.status == step["status"], answer
            learn(known, answer)
            found = differences(step["answer"], answer.json if answer.text else None)
            assert found == [], f"{step['method']} {step['path']}"
            for header, value in step.get("headers", {}).items():
                assert answer.headers.get(header) == value


def test_there_are_samples() -> None:
    assert len(SAMPLES) >= 5


def test_the_comparison_can_fail() -> None:
    expected = {"id": "<id>", "n": "<number>", "list": [1, "<time>"]}
    assert differences(expected, {"id": "x", "list": [True, "now"], "more": 1}) != []
    assert len(differences(expected, {"id": "x", "n": "1", "list": [True, "now"]})) == 4
