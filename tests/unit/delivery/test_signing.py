"""Signatures are those of Standard Webhooks 1.0.0."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from orchestrator.delivery import signing

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The specification's own example."""


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    made = signing.headers(
        [SECRET], "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330_999, '{"test": 2432232314}'
    )
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_library_verifies_with_each_secret_and_with_no_other() -> None:
    old, new = signing.new_secret(), signing.new_secret()
    made = dict(signing.headers([new, old], "1-0", time.time_ns() // 1_000_000, "{}"))
    assert len(made["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret).verify("{}", made) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(signing.new_secret()).verify("{}", made)
    with pytest.raises(WebhookVerificationError):
        Webhook(new).verify("{ }", made)


def test_a_new_secret_has_32_random_bytes() -> None:
    one, other = signing.new_secret(), signing.new_secret()
    assert one != other
    assert len(base64.b64decode(one.removeprefix("whsec_"))) == 32
    assert signing.is_secret(one)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "whsec_",
        "whsec_not base64!",
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_" + base64.b64encode(b"x" * 23).decode(),
        "whsec_" + base64.b64encode(b"x" * 65).decode(),
    ],
)
def test_what_is_no_secret_is_told(text: str) -> None:
    assert not signing.is_secret(text)
