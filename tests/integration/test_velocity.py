"""How often: decided with the acceptance, exact to the millisecond, and never one call too many."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.domain import calls
from orchestrator.domain.access import HOUSE, Quota
from orchestrator.domain.errors import RefusedByPolicy, VelocityExceeded
from orchestrator.runtime import now
from orchestrator.service.accepting import Accepted
from orchestrator.service.how_often import HowOften
from orchestrator.service.models import parsed
from orchestrator.service.wishes import Wish
from orchestrator.storage import audit, keys
from orchestrator.storage.connection import WORKER, connect
from orchestrator.storage.suppression import Suppression
from tests.integration.accepting_kit import FROM, HOURS, TO, House, asker


@pytest.fixture
async def house(redis_url: str) -> AsyncIterator[House]:
    redis = connect(redis_url, WORKER)
    yield House(redis)
    await redis.aclose()


async def test_the_first_quota_to_be_used_up_refuses_and_nothing_is_written(house: House) -> None:
    house.often = HowOften(callee=HOURS)
    first = await house.accept()
    assert [(one.name, one.left) for one in first.figures] == [
        ("callee-60", 0),
        ("callee-900", 2),
        ("callee-3600", 4),
    ]
    before = await house.redis.dbsize(), await house.audited()

    with pytest.raises(VelocityExceeded) as refusal:
        await house.accept(key="another")

    assert refusal.value.policy == "velocity.callee"
    assert 59 < refusal.value.retry_after <= 60
    assert [one.left for one in refusal.value.figures] == [0, 2, 4]
    assert (await house.redis.dbsize(), await house.audited()) == before
    await house.accept(to="+16505550124")
    await house.ago(61)
    assert [one.left for one in (await house.accept()).figures] == [0, 1, 3]


async def test_the_wait_is_until_every_quota_has_room(house: House) -> None:
    house.often = HowOften(callee=HOURS)
    for _ in range(3):
        await house.accept()
        await house.ago(100)

    with pytest.raises(VelocityExceeded) as refusal:
        await house.accept()

    assert 599 < refusal.value.retry_after <= 600
    assert [one.name for one in refusal.value.figures if one.left == 0] == ["callee-900"]
    await house.ago(refusal.value.retry_after)
    await house.accept()


async def test_the_quota_that_has_room_last_is_the_one_that_is_waited_for(house: House) -> None:
    house.often = HowOften(callee=(Quota(1, 60),), house=(Quota(1, 600),), caller=(Quota(1, 30),))
    await house.accept()

    with pytest.raises(VelocityExceeded) as refusal:
        await house.accept()

    assert refusal.value.policy == "velocity.house"
    assert 599 < refusal.value.retry_after <= 600
    assert [one.left for one in refusal.value.figures] == [0, 0, 0]


async def test_a_quota_that_was_made_smaller_waits_for_enough_to_leave(house: House) -> None:
    house.often = HowOften(callee=(Quota(9, 60),))
    for _ in range(3):
        await house.accept()
        await house.ago(10)
    house.often = HowOften(callee=(Quota(2, 60),))

    with pytest.raises(VelocityExceeded) as refusal:
        await house.accept()

    assert 39 < refusal.value.retry_after <= 40
    await house.ago(39)
    with pytest.raises(VelocityExceeded):
        await house.accept()
    await house.ago(1)
    await house.accept()


async def test_200_at_the_same_moment_are_as_many_as_may_be(house: House) -> None:
    house.often = HowOften(house=(Quota(10, 60),))

    answers = await asyncio.gather(
        *(house.accept(to=f"+1650555{number:04}") for number in range(200)), return_exceptions=True
    )

    assert sum(isinstance(one, Accepted) for one in answers) == 10
    assert sum(isinstance(one, VelocityExceeded) for one in answers) == 190
    assert await house.redis.zcard(keys.CALLS) == 10
    assert await house.audited() == 10


KINDS: dict[str, Callable[[House], tuple[dict[str, object], dict[str, object]]]] = {
    "callee": lambda _: ({"caller": "+16505550101"}, {"to": "+16505550199"}),
    "caller": lambda _: ({"to": "+16505550199"}, {"caller": "+16505550101"}),
    "key": lambda _: ({"to": "+16505550199"}, {"by": asker("other")}),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_quota_counts_what_it_is_about_and_nothing_else(house: House, kind: str) -> None:
    only: dict[str, Any] = {kind: (Quota(1, 60),)}
    house.often = HowOften(**only)
    same, other = KINDS[kind](house)
    await house.accept(by=asker("one"))

    with pytest.raises(VelocityExceeded) as refusal:
        await house.accept(**{"by": asker("one"), **same})  # type: ignore[arg-type]

    assert refusal.value.policy == f"velocity.{kind}"
    await house.accept(**{"by": asker("one"), **other})  # type: ignore[arg-type]


async def test_default_phones_and_forwarding_numbers_are_callers_too(house: House) -> None:
    house.often = HowOften(caller=(Quota(1, 60),))
    ways: list[dict[str, Any]] = [
        {},
        {"from": {"forwardingNumberId": "42"}},
        {"from": {"phoneNumber": FROM}},
    ]
    for caller in ways:
        await house.accept(caller=None, **caller)
        with pytest.raises(VelocityExceeded):
            await house.accept(to="+16505550199", caller=None, **caller)


async def test_a_default_phone_is_one_however_its_account_is_called(house: House) -> None:
    house.often = HowOften(caller=(Quota(1, 60),))
    request = parsed({"to": {"phoneNumber": TO}})
    await house.accepting().accept(HOUSE, Wish(request, "~", "101"))
    with pytest.raises(VelocityExceeded):
        await house.accepting().accept(HOUSE, Wish(request, "4001", "101"))
    await house.accepting().accept(HOUSE, Wish(request, "4001", "102"))


async def test_a_key_has_quotas_of_its_own_beside_the_house_s(house: House) -> None:
    house.often = HowOften(key=(Quota(5, 60), Quota(9, 900)))
    one = asker("one", Quota(2, 60), Quota(20, 900))

    figures = (await house.accept(by=one)).figures

    assert [(each.name, each.most) for each in figures] == [("key-60", 2), ("key-900", 9)]
    await house.accept(by=one)
    with pytest.raises(VelocityExceeded):
        await house.accept(by=one)
    await house.accept(by=asker("two"))


async def test_a_window_is_kept_as_long_as_its_longest_quota(house: House) -> None:
    house.often = HowOften(callee=(Quota(1, 1), Quota(9, 100)))
    await house.accept()
    await house.ago(101)
    await house.accept()
    (window,) = await house.windows()

    assert await house.redis.zcard(window) == 1
    assert 99_000 < await house.redis.pttl(window) <= 100_000


async def test_a_cancelled_call_counts(house: House) -> None:
    house.often = HowOften(callee=(Quota(1, 60),))
    made = await house.accept()
    await house.store.change(made.snapshot.id, lambda call: calls.cancelled(call, now()))

    with pytest.raises(VelocityExceeded):
        await house.accept()


async def test_a_replay_is_never_refused_and_not_counted(house: House) -> None:
    house.often = HowOften(callee=(Quota(1, 60),), double_click=5)
    first = await house.accept(key="k")
    await Suppression(house.commands, house.digests).add(TO)

    again = await house.accept(key="k")

    assert (again.snapshot.id, again.replayed) == (first.snapshot.id, True)
    assert (again.is_double_click, again.figures) == (False, ())
    assert await house.audited() == 1


@pytest.mark.parametrize(("number", "field"), [(TO, "to"), (FROM, "from")])
async def test_a_suppressed_number_is_never_rung(house: House, number: str, field: str) -> None:
    await Suppression(house.commands, house.digests).add(number)

    with pytest.raises(RefusedByPolicy) as refusal:
        await house.accept()

    assert (refusal.value.policy, refusal.value.field) == ("suppression", f"{field}.phoneNumber")
    assert await house.redis.zcard(keys.CALLS) == await house.audited() == 0
    await Suppression(house.commands, house.digests).remove(number)
    await house.accept()


async def test_a_call_is_audited_with_who_made_it(house: House) -> None:
    made = await house.accept(by=asker("one"))
    (entry,) = await audit.Audit(house.commands, now).newest(10)

    assert (entry["action"], entry["about"]) == (audit.ACCEPTED, made.snapshot.id)
    assert (entry["owner"], entry["actor"], entry["via"]) == ("one", "the one", "mcp")


async def test_the_same_script_again_is_the_same_call(house: House) -> None:
    """A connection may break after the script has run: then it is sent once more."""
    house.often = HowOften(callee=HOURS, double_click=5)
    sent: list[tuple[object, ...]] = []
    execute = house.commands.execute

    async def noted(*command: object) -> object:
        sent.append(command)
        return await execute(*command)

    house.commands.execute = noted  # type: ignore[method-assign]
    await house.accept()
    (command,) = [one for one in sent if one[0] == "EVALSHA"]
    answer = await house.redis.execute_command(*command)  # type: ignore[no-untyped-call]

    assert answer[0] == b"accepted"
    assert [left for left, _ in answer[2]] == [0, 2, 4]
    assert await house.audited() == 1


QUOTA = st.builds(Quota, st.integers(1, 4), st.sampled_from([2, 5, 9]))
STEPS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), min_size=1, max_size=25)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(quotas=st.lists(QUOTA, min_size=1, max_size=3), steps=STEPS)
async def test_it_lets_in_what_a_simple_model_does(
    redis_url: str, quotas: list[Quota], steps: list[tuple[int, int]]
) -> None:
    redis = connect(redis_url, WORKER)
    await redis.flushall()
    house = House(redis)
    house.often = HowOften(callee=tuple(quotas))
    let_in: dict[int, list[float]] = {0: [], 1: []}
    for wait, number in steps:
        # A tenth of a second more than whole ones: the examples take less than that.
        await house.ago(wait + 0.1 if wait else 0)
        let_in = {
            one: [age + (wait + 0.1 if wait else 0) for age in ages] for one, ages in let_in.items()
        }
        expected = all(
            sum(age < quota.seconds for age in let_in[number]) < quota.most for quota in quotas
        )
        try:
            await house.accept(to=f"+1650555019{number}")
        except VelocityExceeded:
            assert not expected
        else:
            assert expected
            let_in[number].append(0)
    await redis.aclose()
