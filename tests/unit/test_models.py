"""Bodies: what is understood, and how what is not is named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.domain.errors import InvalidRequest
from orchestrator.service.models import parsed

GOOD: dict[str, Any] = {
    "from": {"phoneNumber": "+1 (650) 555-0100"},
    "to": {"phoneNumber": "+16505550123"},
}


def faults(body: Any) -> set[str]:
    """The fields that are named."""
    with pytest.raises(InvalidRequest) as refused:
        parsed(body)
    return {error.field for error in refused.value.errors}


def test_ringcentral_s_whole_body_goes_through_normalised() -> None:
    body = GOOD | {
        "callerId": {"phoneNumber": "+16505550199"},
        "playPrompt": True,
        "country": {"id": "1"},
        "clientReference": "ä",
        "expiresIn": 30,
    }
    assert parsed(body).for_ringcentral() == {
        "from": {"phoneNumber": "+16505550100"},
        "to": {"phoneNumber": "+16505550123"},
        "callerId": {"phoneNumber": "+16505550199"},
        "playPrompt": True,
        "country": {"id": "1"},
    }


def test_the_caller_may_be_left_to_ringcentral() -> None:
    assert parsed({"to": GOOD["to"]}).for_ringcentral() == {"to": GOOD["to"]}
    by_id = {"from": {"forwardingNumberId": "123"}, "to": GOOD["to"]}
    assert parsed(by_id).for_ringcentral() == by_id


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to": None}, "to"),
        ({"to": [GOOD["to"]]}, "to"),
        ({"to": {}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": 16505550123}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "16505550123"}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "+1650555\ud800"}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "+1" + "0" * 5000}}, "to.phoneNumber"),
        ({"to": {"phoneNumber": "+16505550123", "x": 1}}, "to.x"),
        ({"from": {}}, "from"),
        ({"from": {"phoneNumber": "+16505550100", "forwardingNumberId": "1"}}, "from"),
        ({"from": {"forwardingNumberId": "a b"}}, "from.forwardingNumberId"),
        ({"playPrompt": "true"}, "playPrompt"),
        ({"country": {"id": 1}}, "country.id"),
        ({"clientReference": "x" * 129}, "clientReference"),
        ({"clientReference": "a\x00b"}, "clientReference"),
        ({"clientReference": "a\nb"}, "clientReference"),
        ({"clientReference": "\udfff"}, "clientReference"),
        ({"expiresIn": 0}, "expiresIn"),
        ({"expiresIn": 3601}, "expiresIn"),
        ({"expiresIn": 1.5}, "expiresIn"),
        ({"expiresIn": True}, "expiresIn"),
        ({"playprompt": True}, "playprompt"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(change: dict[str, Any], field: str) -> None:
    assert faults({**GOOD, **change}) == {field}


@pytest.mark.parametrize("body", [None, [], "x", 1, True])
def test_what_is_no_object_is_no_body(body: Any) -> None:
    assert faults(body) == {"body"}


def test_a_rejected_value_is_not_repeated() -> None:
    with pytest.raises(InvalidRequest) as refused:
        parsed({**GOOD, "to": {"phoneNumber": "16505559999"}})
    assert "5559999" not in refused.value.detail


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*GOOD, "callerId", "country", "expiresIn", "x"]), JSON))
def test_any_json_is_understood_or_refused_by_name(body: dict[str, Any]) -> None:
    try:
        understood = parsed(body)
    except InvalidRequest as refused:
        named = {error.field for error in refused.errors}
    else:
        named = set(understood.for_ringcentral())
    assert named
