"""A body's JSON: decoded strictly, or refused; never an error of ours."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import InvalidRequest, MalformedRequest
from orchestrator.edge.strict_json import decoded
from orchestrator.rest.problems import problem_of
from orchestrator.service.models import parsed

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
NAMES = st.sampled_from(["from", "to", "phoneNumber", "callerId", "expiresIn", "country", "id"])
WISHES = st.recursive(
    VALUES, lambda inner: st.dictionaries(NAMES | st.text(), inner, max_size=5), max_leaves=20
)


@given(VALUES)
def test_json_is_decoded_as_it_is(value: object) -> None:
    assert decoded(json.dumps(value).encode()) == value


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
def test_anything_else_is_refused(raw: bytes) -> None:
    with suppress(MalformedRequest):
        decoded(raw)


def _status(raw: bytes) -> int:
    try:
        parsed(decoded(raw))
    except (InvalidRequest, MalformedRequest) as error:
        return problem_of(error).status
    return 202


@given(WISHES)
def test_whatever_a_body_says_is_taken_or_is_a_problem(wish: object) -> None:
    assert _status(json.dumps(wish).encode()) in (202, 422)


@pytest.mark.parametrize("depth", [500, 5_000, 30_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"to":', "}")])
def test_nesting_does_no_harm(depth: int, opening: str, closing: str) -> None:
    whole = opening * depth + "1" + closing * depth

    assert _status(whole.encode()) in (400, 422)
    assert _status(whole[:-1].encode()) == 400


def test_a_name_that_occurs_twice_is_refused_at_any_depth() -> None:
    with pytest.raises(MalformedRequest, match="twice"):
        decoded(b'{"a": [{"b": 1, "c": 2, "b": 1}]}')
