"""The requests, byte for byte where RingCentral is particular about them."""

from base64 import b64decode
from urllib.parse import parse_qs, urlsplit

import pytest

from orchestrator.domain.errors import UpstreamGone
from orchestrator.telephony import records, wire


def test_a_ring_out_is_asked_for_in_json() -> None:
    body = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}
    request = wire.make_request("~", "401", body)
    assert (request.method, request.group) == ("POST", "heavy")
    assert request.path == "/restapi/v1.0/account/~/extension/401/ring-out"
    assert request.headers == {"Content-Type": "application/json"}
    assert (
        request.body
        == b'{"from":{"phoneNumber":"+16505550100"},"to":{"phoneNumber":"+16505550123"}}'
    )


def test_reading_is_light_and_cancelling_is_heavy() -> None:
    assert wire.status_request("~", "~", "s-1").group == "light"
    assert wire.cancel_request("~", "~", "s-1").group == "heavy"
    assert wire.cancel_request("~", "~", "s-1").method == "DELETE"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("s-a1d145704da1cz18e8", "s-a1d145704da1cz18e8"),
        ("234343434", "234343434"),
        ("a/../b", "a%2F..%2Fb"),
        ("a?b#c%d e", "a%3Fb%23c%25d%20e"),
        ("\r\nHost: x", "%0D%0AHost%3A%20x"),
        ("é", "%C3%A9"),
        ("~", "~"),
    ],
)
def test_ids_are_opaque_and_stay_within_their_segment(given: str, sent: str) -> None:
    path = wire.status_request("~", "~", given).path
    assert path == f"/restapi/v1.0/account/~/extension/~/ring-out/{sent}"


@pytest.mark.parametrize("odd", ["", ".", "..", "\ud800", "x" * 1025])
def test_an_id_that_would_lead_elsewhere_is_known_to_be_nobody(odd: str) -> None:
    for build in (wire.status_request, wire.cancel_request):
        with pytest.raises(UpstreamGone):
            build("~", "~", odd)
    with pytest.raises(UpstreamGone):
        wire.make_request(odd, "~", {})
    with pytest.raises(UpstreamGone):
        wire.make_request("~", odd, {})


def test_the_jwt_goes_in_a_form_and_the_app_in_basic_auth() -> None:
    request = wire.token_request("my app", "s:cret", "a.b+c/d=")
    assert request.path == "/restapi/oauth/token"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    kind, encoded = request.headers["Authorization"].split(" ")
    assert (kind, b64decode(encoded)) == ("Basic", b"my app:s:cret")
    assert request.body is not None
    assert parse_qs(request.body.decode(), strict_parsing=True) == {
        "grant_type": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
        "assertion": ["a.b+c/d="],
    }


def test_a_request_shows_neither_secrets_nor_numbers_when_printed() -> None:
    login = repr(wire.token_request("app", "hidden-secret", "hidden-jwt"))
    assert "hidden" not in login
    assert "Basic" not in login
    assert "5550123" not in repr(wire.make_request("~", "~", {"to": "+16505550123"}))


def test_the_call_log_is_asked_for_in_detail_between_two_moments() -> None:
    request = records.call_log_request("~", "~", 1_700_000_000_000, 1_700_000_060_500, 2)
    split = urlsplit(request.path)
    assert split.path == "/restapi/v1.0/account/~/extension/~/call-log"
    assert parse_qs(split.query) == {
        "view": ["Detailed"],
        "dateFrom": ["2023-11-14T22:13:20.000Z"],
        "dateTo": ["2023-11-14T22:14:20.500Z"],
        "perPage": ["250"],
        "page": ["2"],
    }
    assert request.group == "heavy"
