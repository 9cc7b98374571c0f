"""What goes wrong with notifications on their way: lost, late, twice, out of order."""

from tests.contract.simulator.push_kit import (
    BUSY,
    FOREVER,
    SCOPE,
    counts,
    hook,
    settled,
    subscribed,
)
from tests.contract.simulator.simulator_kit import box


async def test_all_are_lost() -> None:
    async with hook() as told, box(scope=SCOPE, notice_loss=1) as api:
        await subscribed(api, told)
        await api.made()
        await api.advance(15)
        now = await settled(api, 3)
        assert (now["lost"], now["delivered"]) == (3, 0)


async def test_some_are_lost_and_the_same_ones_in_every_run() -> None:
    runs = []
    for seed in (1, 1, 2):
        async with hook() as told, box(scope=SCOPE, notice_loss=0.5, seed=seed) as api:
            await subscribed(api, told)
            for _ in range(20):
                await api.made()
            await api.advance(15)
            now = await settled(api, 60)
            assert 15 < now["lost"] < 45
            order = [row["telephonySessionId"] for row in await api.ledger()]
            events = await told.several(now["delivered"])
            runs.append(
                [
                    (order.index(one["body"]["telephonySessionId"]), one["body"]["sequence"])
                    for one in events
                ]
            )
    assert runs[0] == runs[1] != runs[2]


async def test_each_is_sent_twice() -> None:
    async with hook() as told, box(scope=SCOPE, notice_duplicates=1) as api:
        await subscribed(api, told)
        await api.made()
        first, second = await told.several(2)
        assert first == second


async def test_a_later_one_overtakes() -> None:
    async with hook() as told, box(scope=SCOPE, notice_shuffle=1, notice_hold=50) as api:
        await subscribed(api, told)
        await api.made()
        await api.advance(15)
        assert [one["body"]["sequence"] for one in await told.several(3)] == [4, 1, 2]
        await api.advance(60)
        name = await api.made(BUSY)
        await api.advance(4)
        assert (await told.next())["body"]["telephonySessionId"] == name


async def test_none_is_held_back_for_ever() -> None:
    async with hook() as told, box(scope=SCOPE, notice_shuffle=1, notice_hold=4) as api:
        await subscribed(api, told)
        await api.made(FOREVER)
        assert len(api.world.notices) == 2
        await api.advance(7)
        assert [one["body"]["sequence"] for one in await told.several(2)] == [1, 2]


async def test_they_are_late() -> None:
    async with hook() as told, box(scope=SCOPE, notice_lag=[6, 6]) as api:
        await subscribed(api, told)
        await api.made(BUSY)
        await api.advance(5)
        assert (await counts(api))["sent"] == 2
        assert (await counts(api))["delivered"] == 0
        await api.advance(4)
        assert [one["body"]["sequence"] for one in await told.several(2)] == [1, 2]
