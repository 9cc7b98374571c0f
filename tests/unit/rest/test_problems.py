"""Problems: one for every error, none that repeats what it should not."""

import json
from collections.abc import Iterator

import pytest
from aiohttp import web

from orchestrator.domain import errors
from orchestrator.domain.errors import FieldError, RingOutError
from orchestrator.rest.problem_kinds import KINDS
from orchestrator.rest.problems import MOST_ERRORS, problem_of, problem_of_http
from orchestrator.storage.connection import NotPermitted, WrongType
from orchestrator.storage.webhooks import WebhookNotReadable

NUMBER = "+16505550123"
EVERY_ERROR = [
    errors.InvalidRequest((FieldError("to", "must be one"),)),
    errors.MalformedRequest("No JSON.", "body"),
    errors.Unauthenticated("Who?"),
    errors.InsufficientScope("ops"),
    errors.RefusedByPolicy("destination.region", "Not there.", "to.phoneNumber"),
    errors.ConfirmationRequired("confirmation", "Ask."),
    errors.ConfirmationDeclined("confirmation", "No."),
    errors.TooManyFailures("Too many.", 30),
    errors.VelocityExceeded("velocity.callee", "Too many.", 30),
    errors.CallNotFound("None."),
    errors.IdempotencyKeyReused("Used."),
    errors.CallWithdrawn("Ended."),
    errors.StorageUnavailable("Away.", 0.2),
    errors.OtherNumbersKey("Another.", 60),
    errors.IdentityUnavailable("No keys.", 5),
    errors.UpstreamUnavailable("Away.", 1),
    errors.UpstreamGated("Spent.", 12.1),
    errors.UpstreamFailed("Reset."),
    errors.UpstreamFailed("Late.", timed_out=True),
    errors.UpstreamRefused(403, "CMN-401", "No."),
    errors.UpstreamRefused(429, "CMN-304", "Twice."),
    errors.UpstreamGone(404, "CMN-102", "Gone."),
    errors.WebhookNotFound("None."),
    errors.WebhookDisabled("Disabled."),
    errors.DeliveryNotFound("None."),
    errors.TooManyWebhooks("Full."),
    NotPermitted("Not permitted.", 5),
    WrongType("Another.", 5),
    WebhookNotReadable("Broken."),
]


def _kinds(root: type[RingOutError]) -> Iterator[type[RingOutError]]:
    for kind in root.__subclasses__():
        yield from (kind, *_kinds(kind))


def _content(response: web.Response) -> dict[str, object]:
    assert isinstance(response.body, bytes)
    content: dict[str, object] = json.loads(response.body)
    return content


def test_there_is_an_example_of_every_error() -> None:
    assert {type(error) for error in EVERY_ERROR} == set(_kinds(RingOutError)) - {errors.Retryable}


@pytest.mark.parametrize("error", EVERY_ERROR, ids=repr)
def test_every_error_is_a_problem_of_a_known_kind(error: RingOutError) -> None:
    response = problem_of(error)

    content = _content(response)
    allowed = KINDS[error.code].statuses
    status = str(response.status)
    assert status in allowed or f"{status[0]}XX" in allowed
    assert content["status"] == response.status
    assert content["code"] == error.code
    assert content["title"] == KINDS[error.code].title
    if response.status in (429, 503):
        assert int(response.headers["Retry-After"]) >= 1


def test_a_wait_is_rounded_up() -> None:
    assert problem_of(errors.UpstreamGated("Spent.", 12.1)).headers["Retry-After"] == "13"


@pytest.mark.parametrize(
    "error",
    [
        errors.UpstreamRefused(400, "TEL-109", f"No {NUMBER} please."),
        errors.MalformedRequest(f"What is {NUMBER}?"),
        errors.InvalidRequest((FieldError(NUMBER, "is unknown"), FieldError("x.6505550123", "no"))),
    ],
)
def test_no_phone_number_is_repeated(error: RingOutError) -> None:
    body = problem_of(error).body
    assert isinstance(body, bytes)
    assert b"6505550123" not in body


def test_errors_are_bounded() -> None:
    many = tuple(FieldError(f"f{number}", "no") for number in range(1000))

    listed = _content(problem_of(errors.InvalidRequest(many)))["errors"]

    assert isinstance(listed, list)
    assert len(listed) == MOST_ERRORS


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (web.HTTPNotFound(), "not_found"),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), "method_not_allowed"),
        (web.HTTPRequestTimeout(), "request_timeout"),
        (web.HTTPRequestEntityTooLarge(1), "body_too_large"),
        (web.HTTPUnsupportedMediaType(), "unsupported_media_type"),
        (web.HTTPExpectationFailed(), "expectation_failed"),
        (web.HTTPBadRequest(text="secret"), "malformed_request"),
    ],
    ids=repr,
)
def test_aiohttps_own_refusals_are_problems(error: web.HTTPException, code: str) -> None:
    response = problem_of_http(error)

    assert _content(response)["code"] == code
    assert str(response.status) in KINDS[code].statuses
    assert "secret" not in str(_content(response))
