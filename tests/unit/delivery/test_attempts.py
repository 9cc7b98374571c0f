"""What an attempt makes of a delivery, who is sent to next, and who is told of what."""

from dataclasses import replace

import pytest

from orchestrator.delivery.sender import Attempt, Failure
from orchestrator.storage.dispatching import Event
from orchestrator.storage.webhooks import Secret, Webhook
from workers.deliver import decided
from workers.dispatch import delivery_id, wants
from workers.slots import Slots

LADDER = (5, 30, 120, 600, 3_600, 21_600, 86_400)
NO = Failure("status", "The receiver answered 503.")


@pytest.mark.parametrize("attempts", range(len(LADDER)))
def test_a_failed_attempt_is_followed_by_the_ladders_next_step(attempts: int) -> None:
    waits = {decided(attempts, Attempt(NO, 503), LADDER).wait for _ in range(200)}
    step = LADDER[attempts] * 1000
    assert all(0.8 * step <= wait <= 1.2 * step for wait in waits)
    assert len(waits) > 20


def test_after_the_ladder_a_delivery_is_dead() -> None:
    settled = decided(len(LADDER), Attempt(NO, 503), LADDER)
    assert (settled.state, settled.code, settled.status) == ("dead", "status", 503)


def test_a_receiver_that_wants_nothing_more_gets_nothing_more() -> None:
    assert decided(0, Attempt(NO, 410), LADDER).state == "dead"


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        (0.0, 24_000, 36_000),
        (10.0, 24_000, 36_000),
        (300.0, 300_000, 300_000),
        (10_000_000.0, 86_400_000, 86_400_000),
    ],
)
def test_retry_after_makes_a_wait_longer_but_not_endless(
    asked: float, least: int, most: int
) -> None:
    assert least <= decided(1, Attempt(NO, 429, asked), LADDER).wait <= most


def test_an_attempt_that_arrived_ends_it() -> None:
    assert decided(3, Attempt(None, 204), LADDER).state == "delivered"


def test_a_receiver_has_ten_attempts_under_way_and_leaves_room_for_others() -> None:
    slots = Slots(100)
    assert [slots.take("a") for _ in range(10)] == [0.0] * 10
    assert slots.take("a") > 0
    assert slots.take("b") == 0.0
    slots.give_back("a", 0.01)
    assert slots.take("a") == 0.0


def test_a_slow_receiver_has_two() -> None:
    slots = Slots(100)
    assert slots.take("a") == 0.0
    slots.give_back("a", 15.0)
    taken = [slots.take("a") for _ in range(3)]
    assert taken[:2] == [0.0, 0.0]
    assert taken[2] > 0


def test_all_receivers_together_leave_slots_for_calls() -> None:
    slots = Slots(5)
    assert [slots.take(str(name)) for name in range(5)] == [0.0] * 5
    assert slots.take("another") > 0


def test_a_receiver_that_few_wait_for_now_is_tried_soon_whatever_was_before() -> None:
    clock = [0.0]
    slots = Slots(100, lambda: clock[0])
    for _ in range(10):
        slots.take("a")
    for _ in range(5_000):
        slots.take("a")
    clock[0] = 100.0
    assert slots.take("a") <= 0.1


def test_who_is_put_off_comes_again_the_later_the_more_wait() -> None:
    slots = Slots(100, lambda: 0.0)
    for _ in range(10):
        slots.take("a")
    waits = [slots.take("a") for _ in range(3_000)]
    assert max(waits[:3]) <= 0.1
    assert min(waits[-100:]) > 10
    assert max(waits) <= 90


HOOK = Webhook("wh_1", "https://x/", "x", (Secret("s"),), "", "", created=1_000)
EVENT = Event(
    "1000-0",
    1_000,
    {"type": "call.ended", "clientReference": "r", "accountId": "~", "extensionId": "7"},
)


@pytest.mark.parametrize(
    ("changes", "is_wanted"),
    [
        ({}, True),
        ({"created": 1_001}, False),
        ({"event_types": ("call.ended", "call.queued")}, True),
        ({"event_types": ("call.queued",)}, False),
        ({"client_reference": "r"}, True),
        ({"client_reference": "R"}, False),
        ({"account_id": "~", "extension_id": "7"}, True),
        ({"account_id": "~", "extension_id": "8"}, False),
        ({"account_id": "1"}, False),
    ],
)
def test_a_webhook_is_told_what_it_asked_for(changes: dict[str, object], is_wanted: bool) -> None:
    assert wants(replace(HOOK, **changes), EVENT) is is_wanted  # type: ignore[arg-type]


def test_a_delivery_is_the_same_whoever_makes_it() -> None:
    assert delivery_id("wh_1", "1-0") == delivery_id("wh_1", "1-0")
    assert delivery_id("wh_1", "1-0") != delivery_id("wh_1", "1-1") != delivery_id("wh_2", "1-0")
