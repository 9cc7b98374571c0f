"""What the fuzz does to generated requests, so that some of them make calls, and soon.

A number that is made up by its pattern is hardly ever one that may be rung: two of three bodies
that name phones get phones that may. Answers that may be held for long are asked for in a second.
"""

import hashlib
import json
from typing import Any

import schemathesis
from schemathesis import Case, HookContext

_HELD = "Prefer"
_PHONES = ("from", "to")


@schemathesis.hook
def map_body(_context: HookContext, body: Any) -> Any:
    """The body, as it is or with phones that may be rung: always the same of the same."""
    if not isinstance(body, dict):
        return body
    digest = hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).digest()
    if digest[0] % 3 == 0:
        return body
    return {name: _rung(name, one, digest) for name, one in body.items()}


@schemathesis.hook
def before_call(_context: HookContext, case: Case[Any], _options: Any) -> None:
    """Waits for a second at most."""
    if case.headers and str(case.headers.get(_HELD)).startswith("wait="):
        case.headers[_HELD] = "wait=1"


def _rung(name: str, one: Any, digest: bytes) -> Any:
    if name in _PHONES and isinstance(one, dict) and isinstance(one.get("phoneNumber"), str):
        return {**one, "phoneNumber": f"+1650555{digest[1 + _PHONES.index(name)] % 100 + 100:04}"}
    return one
