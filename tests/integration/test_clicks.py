"""A second click is the first call, and a dry run is no call at all."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from orchestrator.domain import calls
from orchestrator.domain.access import HOUSE, Quota
from orchestrator.domain.calls import Call, Change
from orchestrator.domain.errors import RefusedByPolicy, VelocityExceeded
from orchestrator.domain.words import Outcome, State
from orchestrator.runtime import now
from orchestrator.service.how_often import HowOften
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from orchestrator.storage import keys
from orchestrator.storage.calls import Decide
from orchestrator.storage.connection import WORKER, connect
from orchestrator.storage.suppression import Suppression
from tests.integration.accepting_kit import FROM, HOURS, TO, House, asker


@pytest.fixture
async def house(redis_url: str) -> AsyncIterator[House]:
    redis = connect(redis_url, WORKER)
    yield House(redis)
    await redis.aclose()


async def test_suppression_comes_before_a_second_click(house: House) -> None:
    house.often = HowOften(double_click=5)
    await house.accept()
    await Suppression(house.commands, house.digests).add(TO)

    with pytest.raises(RefusedByPolicy):
        await house.accept()


async def test_a_second_click_is_the_first_call_whatever_its_key(house: House) -> None:
    house.often = HowOften(callee=(Quota(2, 60),), double_click=5)
    first = await house.accept(key="one")

    clicks = [await house.accept(), await house.accept(key="two"), await house.accept(key="two")]

    assert {click.snapshot.id for click in clicks} == {first.snapshot.id}
    assert [click.is_double_click for click in clicks] == [True, True, False]
    assert all(click.replayed for click in clicks)
    assert await house.audited() == await house.redis.zcard(keys.CALLS) == 1
    for other in ({"to": "+16505550199"}, {"caller": "+16505550199"}, {"caller": None}):
        with_other = await house.accept(**{"to": "+16505550124", **other})  # type: ignore[arg-type]
        assert not with_other.is_double_click


async def test_50_clicks_at_the_same_moment_are_one_call(house: House) -> None:
    house.often = HowOften(double_click=5)
    clicks = await asyncio.gather(*(house.accept() for _ in range(50)))

    assert len({click.snapshot.id for click in clicks}) == 1
    assert sum(click.is_double_click for click in clicks) == 49


async def test_owners_do_not_see_each_other_s_clicks(house: House) -> None:
    house.often = HowOften(double_click=5)
    one, two = await house.accept(by=asker("one")), await house.accept(by=asker("two"))

    assert one.snapshot.id != two.snapshot.id
    assert (two.replayed, two.snapshot.owner) == (False, "two")


@pytest.mark.parametrize("is_placed", [False, True])
async def test_a_click_after_a_cancel_is_another_call(house: House, is_placed: bool) -> None:
    house.often = HowOften(double_click=5)
    first = (await house.accept()).snapshot
    if is_placed:
        await house.store.change(first.id, lambda call: calls.placing(call, now(), "f"))
    await house.store.change(first.id, lambda call: calls.cancelled(call, now()))

    second = await house.accept()

    assert not second.replayed
    assert second.snapshot.id != first.id
    assert (await house.accept()).snapshot.id == second.snapshot.id


async def test_a_click_after_the_end_is_another_call(house: House) -> None:
    house.often = HowOften(double_click=5)
    first = (await house.accept()).snapshot
    await house.store.change(first.id, lambda call: calls.ended(call, now(), Outcome.FAILED))

    assert (await house.accept()).snapshot.id != first.id


def _placing(call: Call) -> Change | None:
    return calls.placing(call, now(), "f")


def _released(call: Call) -> Change | None:
    return calls.released(call, now(), "f")


def _unconfirmed(call: Call) -> Change | None:
    return calls.unconfirmed(call, "timeout", "No answer.")


@pytest.mark.parametrize(
    ("steps", "is_dead"),
    [
        ([], True),
        ([_placing, _released], True),
        ([_placing], False),
        ([_placing, _unconfirmed], False),
    ],
)
async def test_a_call_that_is_not_worth_placing_any_more_is_no_first_click(
    house: House, steps: list[Decide], *, is_dead: bool
) -> None:
    house.often = HowOften(double_click=5)
    first = (await house.accept()).snapshot
    for step in steps:
        assert (await house.store.change(first.id, step)).applied
    assert (await house.accept()).is_double_click
    await house.store.commands.execute("HSET", keys.call(first.id), "worthUntilMs", now())

    dry = json.loads((await house.accept(validateOnly=True)).snapshot.document)
    second = await house.accept()

    told = "accepted" if is_dead else "replayed_double_click"
    assert dry["validateOnly"]["outcome"] == told
    assert (second.is_double_click, second.snapshot.id != first.id) == (not is_dead, is_dead)
    assert (await house.accept()).snapshot.id == second.snapshot.id


@pytest.mark.parametrize("ahead_s", [-11, 11])
async def test_a_second_click_is_one_whatever_the_clock_of_who_takes_it(
    house: House, ahead_s: int
) -> None:
    other = House(house.redis, lambda: now() + 1000 * ahead_s)
    house.often = other.often = HowOften(double_click=5)
    first = await house.accept(expiresIn=10)
    assert (await other.accept(expiresIn=10)).snapshot.id == first.snapshot.id


async def test_a_click_by_a_clock_that_is_ahead_is_not_worth_placing_for_longer(
    house: House,
) -> None:
    ahead = House(house.redis, lambda: now() + 60_000)
    house.often = ahead.often = HowOften(double_click=60)
    first = await ahead.accept(expiresIn=2)
    execute, record = house.store.commands.execute, keys.call(first.snapshot.id)
    worth = int(await execute("HGET", record, "worthUntilMs"))
    assert worth < now() + 10_000
    await execute("HSET", record, "worthUntilMs", worth - 3_000)
    assert (await house.accept(expiresIn=2)).snapshot.id != first.snapshot.id


async def test_a_rehearsal_knows_the_call_that_its_key_has_made(house: House) -> None:
    made = (await house.accept(key="k")).snapshot
    accepting = house.accepting()
    wish = parsed({"from": {"phoneNumber": FROM}, "to": {"phoneNumber": TO}})

    known = await accepting.rehearse(HOUSE, Wish(wish, idempotency_key="k"))
    assert (known.replayed, known.snapshot) == (True, made)
    assert not (await accepting.rehearse(HOUSE, Wish(wish, idempotency_key="other"))).replayed


async def test_a_click_lasts_as_long_as_it_is_told(house: House) -> None:
    house.often = HowOften(double_click=5)
    await house.accept()
    (click,) = await house.redis.keys(f"{keys.PREFIX}click:*")
    assert 4_000 < await house.redis.pttl(click) <= 5_000
    await house.redis.delete(click)
    assert not (await house.accept()).replayed


async def test_a_dry_run_says_what_would_happen_and_writes_nothing(house: House) -> None:
    house.often = HowOften(callee=HOURS, double_click=5)
    dry = await house.accept(validateOnly=True)
    shown = json.loads(dry.snapshot.document)

    assert (dry.is_dry, dry.snapshot.id, dry.snapshot.state) == (
        True,
        "validate_only",
        State.QUEUED,
    )
    assert shown["uri"].endswith("/ring-out")
    assert shown["validateOnly"]["outcome"] == "accepted"
    assert [one["remaining"] for one in shown["validateOnly"]["policies"]] == [1, 3, 5]
    assert await house.redis.keys(f"{keys.PREFIX}[^n]*") == []
    first = await house.accept()
    told = json.loads((await house.accept(validateOnly=True)).snapshot.document)["validateOnly"]
    assert (told["outcome"], told["call"]) == ("replayed_double_click", first.snapshot.id)
    with pytest.raises(VelocityExceeded):
        await house.accept(caller="+16505550101", validateOnly=True)
