"""Holds answers to the OpenAPI document: status, media type, headers and body."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from orchestrator.rest.openapi import document

_HELD_HEADERS = frozenset(
    {
        "Location",
        "Retry-After",
        "ETag",
        "Age",
        "Cache-Status",
        "Preference-Applied",
        "Idempotency-Replayed",
        "Ringout-Double-Click",
        "RateLimit-Policy",
        "RateLimit",
        "Link",
    }
)


def named_headers(described: Any) -> set[str]:
    """The names of all headers that a part of the document gives answers."""
    if isinstance(described, list):
        return set().union(*map(named_headers, described))
    if not isinstance(described, dict):
        return set()
    own = described.get("headers")
    inside = set().union(*map(named_headers, described.values()))
    return inside | set(own) if isinstance(own, dict) else inside


def _pattern(path: str) -> str:
    parts = re.split(r"\{\w+\}", path)
    return "[^/]+".join(re.escape(part) for part in parts)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer as it was received."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.raw)

    @property
    def kind(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0]


class Documented:
    """The document, and whether an answer is in it."""

    def __init__(self) -> None:
        self.outside: set[str] = set()
        """Paths of a test's own."""
        self._document = document()
        self._paths = [
            (re.compile(_pattern(path)), item) for path, item in self._document["paths"].items()
        ]

    def check(self, method: str, path: str, answer: Answer) -> None:
        """AssertionError where the answer is not what the document says of this request."""
        if path in self.outside:
            return
        method = "get" if method == "HEAD" else method.lower()
        item: Mapping[str, Any] = next(
            (item for known, item in self._paths if known.fullmatch(path)), {}
        )
        if method not in item:
            self._check_outside(answer)
            return
        responses = item[method]["responses"]
        response = responses.get(str(answer.status), responses.get(f"{answer.status // 100}XX"))
        assert response is not None, f"{method} {path}: {answer.status} is not documented"
        self._check_body(response, answer)
        if answer.status < 400:
            given = {name for name in _HELD_HEADERS if name in answer.headers}
            assert given <= set(response.get("headers", ())), f"{method} {path}: {given}"

    def _check_outside(self, answer: Answer) -> None:
        assert answer.status in (204, 403, 404, 405, 421), answer
        if answer.status != 204:
            assert answer.kind == "application/problem+json"

    def _check_body(self, response: Mapping[str, Any], answer: Answer) -> None:
        content = response.get("content")
        if not content:
            assert answer.raw == b""
            return
        assert answer.kind in content, f"{answer.kind} is not one of {list(content)}"
        if answer.kind.endswith("json") and answer.raw:
            faults = [fault.message for fault in self._faults(content[answer.kind], answer)]
            assert not faults, faults
        if answer.status >= 400 and "application/json" not in content:
            assert answer.kind == "application/problem+json"

    def _faults(self, media: Mapping[str, Any], answer: Answer) -> Iterator[Any]:
        schema = {**media["schema"], "components": self._document["components"]}
        yield from Draft202012Validator(schema).iter_errors(answer.json)
