"""The house's own check of what is printed sees what it is there for."""

import pytest

from tests.harness.output import faults

KEY = "ringout_live_abcdef012345_" + "Xy3" * 11


@pytest.mark.parametrize(
    "line",
    [
        "to +16505550123",
        "/calls?to=%2B16505550123&x",
        '{"to":"16505566001"}',
        "+442079460123",
        f"key {KEY}",
        "Authorization: Bearer abcdefghijklmnop.q",
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl",
        "whsec_" + "c2VjcmV0" * 4,
    ],
)
def test_a_number_or_a_secret_is_seen(line: str) -> None:
    assert faults(["all is well", line], ["ringout", "rest"]) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "+16*****0123",
        "id 916505550123456",
        "NUMBER: should be in E.164 form, such as +16505550123",
        """  curl -d '{"to":{"phoneNumber":"+16505550123"}}' http://127.0.0.1:8080/""",
    ],
)
def test_what_is_meant_to_be_shown_is_not(line: str) -> None:
    assert faults([line], ["ringout", "up"]) == []


def test_a_key_is_shown_by_the_command_that_makes_it() -> None:
    assert faults([KEY], ["ringout", "keys", "create"]) == []
    assert faults([KEY], ["ringout", "status"]) == [KEY]
