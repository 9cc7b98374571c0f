"""What RingCentral tells of a credential: permissions, features, numbers."""

import json

import pytest

from orchestrator.domain.errors import UpstreamFailed, UpstreamRefused
from orchestrator.telephony import account
from orchestrator.telephony.account import Extension, Feature
from orchestrator.telephony.wire import LIGHT, Answer, Request


def _said(body: object, status: int = 200, **headers: str) -> Answer:
    return Answer(status, headers, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (account.extension_request(), ""),
        (account.phone_numbers_request(), "/phone-number?perPage=1000"),
        (account.forwarding_numbers_request(), "/forwarding-number?perPage=1000"),
    ],
)
def test_all_that_is_asked_is_light_and_about_oneself(request_: Request, path: str) -> None:
    assert (request_.method, request_.group) == ("GET", LIGHT)
    assert request_.path == f"/restapi/v1.0/account/~/extension/~{path}"


@pytest.mark.parametrize(
    ("permission", "scope", "is_permitted"),
    [
        ("RingOut", {"RingOut"}, True),
        ("RingOut", {"ringout"}, True),
        ("RingOut", {"RingOutX", "ReadCallLog"}, False),
        ("ReadCallLog", {"CallLog"}, True),
        ("ReadCallLog", {"EditCallLog"}, True),
        ("ReadPresence", {"ReadCallLog"}, False),
        ("CallControl", set(), False),
    ],
)
def test_a_scope_holds_a_permission(
    permission: str, scope: set[str], *, is_permitted: bool
) -> None:
    assert account.is_permitted(permission, frozenset(scope)) == is_permitted


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (
            {"id": 7, "status": "Enabled", "serviceFeatures": [None]},
            Extension("7", "Enabled", None),
        ),
        (
            {
                "id": "7",
                "serviceFeatures": [
                    {"featureName": "SMS", "enabled": False},
                    {"featureName": "RingOut", "enabled": True},
                ],
            },
            Extension("7", None, Feature(enabled=True)),
        ),
        (
            {
                "serviceFeatures": [
                    {"featureName": "RingOut", "enabled": False, "reason": "AccountLimitation"}
                ]
            },
            Extension(None, None, Feature(enabled=False, reason="AccountLimitation")),
        ),
        ({"serviceFeatures": "many"}, Extension(None, None, None)),
    ],
)
def test_an_extension_is_read_as_far_as_it_goes(body: object, found: Extension) -> None:
    assert account.extension_of(_said(body)) == found


def test_what_is_no_answer_is_an_error() -> None:
    with pytest.raises(UpstreamRefused):
        account.extension_of(_said({"errorCode": "CMN-401"}, 403))
    with pytest.raises(UpstreamFailed):
        account.extension_of(Answer(200, {}, b"<html>"))


def test_numbers_are_counted_by_what_they_are_for() -> None:
    answer = _said(
        {
            "records": [
                {"phoneNumber": "+16505550104", "features": ["CallerId", "SmsSender"]},
                {"phoneNumber": "+16505550105", "features": ["SmsSender"]},
                {"phoneNumber": "+16505550106"},
                {"features": "CallerId"},
                "noise",
            ]
        }
    )
    assert account.caller_ids_in(answer) == 1
    assert account.phones_in(answer) == 3
    assert account.caller_ids_in(_said({})) == 0


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (_said({}), None),
        (_said({"errors": [{"permissionName": "ReadCallLog"}]}, 404), None),
        (_said({"errors": [{"permissionName": "ReadCallLog"}]}, 403), "ReadCallLog"),
        (_said({"errors": [{"errorCode": "CMN-401"}]}, 403), ""),
        (Answer(403, {}, b"<html>"), ""),
    ],
)
def test_a_missing_permission_is_named(answer: Answer, name: str | None) -> None:
    assert account.permission_missing(answer) == name


def test_an_answer_says_when_it_was_sent() -> None:
    answer = _said({}, date="Tue, 24 Nov 2026 07:00:00 GMT")
    assert account.sent_at(answer) == 1_795_503_600_000
    assert account.sent_at(_said({}, date="yesterday")) is None
    assert account.sent_at(_said({})) is None
