"""`ringout suppress`: what a person asks never to be rung again is not, from then on."""

import json

import pytest
import redis

from tests.e2e.credentials_kit import ringout
from tests.harness.processes import Fleet
from tests.harness.redis import RedisServer

NUMBER = "+16505550123"
KEY = "a key that all processes have in common"


def test_a_number_is_added_checked_and_removed(fleet: Fleet) -> None:
    added = ringout(fleet, "suppress", "add", "+1 650 555-0123", "--json")
    assert (added.code, added.document) == (
        0,
        {"number": "+16*****0123", "suppressed": True, "changed": True},
    )
    assert ringout(fleet, "suppress", "add", NUMBER, "--json").document["changed"] is False
    assert ringout(fleet, "suppress", "check", NUMBER).lines == ["+16*****0123  is suppressed"]
    assert ringout(fleet, "suppress", "remove", NUMBER).code == 0
    assert ringout(fleet, "suppress", "check", NUMBER, "--json").document["suppressed"] is False
    assert ringout(fleet, "suppress", "remove", NUMBER).code == 1


@pytest.mark.parametrize("number", ["", "911", "16505550123", "tel:+16505550123", "+1650555CALL"])
def test_what_is_no_number_is_wrong_usage(fleet: Fleet, number: str) -> None:
    ended = ringout(fleet, "suppress", "add", number)

    assert ended.code == 2
    assert "NUMBER: should be in E.164 form" in " ".join(ended.errors)


def test_redis_holds_a_digest_and_the_audit_stream_tells(fleet: Fleet, redis_url: str) -> None:
    ringout(fleet, "suppress", "add", NUMBER)

    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        (digest,) = client.smembers("ringout:v1:{ringout}:suppressed")
        ((_, entry),) = client.xrange("ringout:v1:{ringout}:audit")
    assert NUMBER[1:] not in json.dumps([digest, entry])
    assert (entry["action"], entry["about"]) == ("number.suppressed", digest)
    assert (entry["via"], entry["actor"] != "") == ("cli", True)


@pytest.mark.parametrize(("first", "then"), [("", KEY), (KEY, ""), (KEY, KEY + "!")])
def test_another_key_would_forget_who_is_suppressed_and_is_refused(
    fleet: Fleet, first: str, then: str
) -> None:
    fleet.environment["RINGOUT_NUMBERS_KEY"] = first
    assert ringout(fleet, "suppress", "add", NUMBER).code == 0
    assert ringout(fleet, "suppress", "check", NUMBER).lines == ["+16*****0123  is suppressed"]

    ended = ringout(fleet, "suppress", "check", NUMBER, RINGOUT_NUMBERS_KEY=then)

    assert ended.code == 2
    assert ended.errors[0].startswith("ringout: RINGOUT_NUMBERS_KEY: ")
    assert ringout(fleet, "suppress", "check", NUMBER).code == 0


def test_without_redis_it_fails_and_says_so(fleet: Fleet, own_redis: RedisServer) -> None:
    own_redis.kill()

    ended = ringout(fleet, "suppress", "add", NUMBER, REDIS_URL=own_redis.url)

    assert (ended.code, "REDIS_URL" in " ".join(ended.errors)) == (1, True)
