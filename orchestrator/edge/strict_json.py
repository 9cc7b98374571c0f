"""JSON that no two readers can read in two ways, or nothing."""

import json
from typing import Any, NoReturn

from orchestrator.domain.errors import MalformedRequest


def decoded(raw: bytes) -> Any:
    """The JSON value that `raw` is in UTF-8; MalformedRequest for anything else, for a name that
    occurs twice, for NaN and for nesting beyond any use."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise _malformed("The body must be UTF-8.") from None
    return decoded_text(text)


def decoded_text(text: str) -> Any:
    """The JSON value that `text` is; MalformedRequest as `decoded`."""
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise _malformed("The body is nested too deeply.") from None
    except ValueError:
        raise _malformed("The body must be one JSON value.") from None


def _malformed(detail: str) -> MalformedRequest:
    return MalformedRequest(detail, "body")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed("A name occurs twice in the same object.")
    return members


def _no_constant(_: str) -> NoReturn:
    raise _malformed("NaN and Infinity are not JSON.")


_DECODER = json.JSONDecoder(object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
