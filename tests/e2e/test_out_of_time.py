"""A call that is not worth placing any more is not placed, whichever clock or answer is late."""

from orchestrator.runtime import FrontEnd, front_end, now
from orchestrator.settings import Settings
from orchestrator.storage import keys, scripts
from orchestrator.storage.pauses import Pauses
from tests.harness.clients import accept, reaches
from tests.harness.processes import Fleet
from tests.harness.proxy import proxied
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

CALLEE, OTHER = "+16505550123", "+16505550126"


async def _over(front: FrontEnd, call_id: str) -> None:
    """By Redis's clock alone the call is not worth placing any more."""
    await front.backend.commands.execute("HSET", keys.call(call_id), "worthUntilMs", now() - 1)


async def test_redis_s_clock_decides_and_a_second_click_rings_alone(
    fleet: Fleet, simulated: Simulated, settings: Settings
) -> None:
    fleet.worker()
    async with front_end(settings.model_copy(update={"double_click": 60})) as front:
        pauses = Pauses(front.backend.commands)
        await pauses.begin(None, "", "a test", now())
        first = await accept(front, CALLEE)
        assert await accept(front, CALLEE) == first
        await _over(front, first)
        second = await accept(front, CALLEE)
        assert second != first
        await pauses.end(None)
        call = await reaches(front, first, "ended")
        assert (call["outcome"], call["placedAt"]) == ("expired", None)
        assert (await reaches(front, second, "ended"))["outcome"] == "completed"
    assert len(await simulated.dialled(CALLEE)) == 1


async def test_a_fence_whose_answer_comes_too_late_is_given_back(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    async with proxied(fleet.environment["REDIS_URL"]) as to_redis:
        fleet.worker(REDIS_URL=to_redis.url)
        await reaches(front, await accept(front, CALLEE), "ended")
        to_redis.hold_replies_after(scripts.CHANGE.digest)
        late = await accept(front, OTHER, expiresIn=1)
        over = now() + 1_000
        await wait_until(to_redis.held.is_set)
        await wait_until(lambda: now() > over)
        to_redis.let_go()
        call = await reaches(front, late, "ended")
    assert (call["outcome"], call["placedAt"]) == ("expired", None)
    assert await simulated.dialled(OTHER) == []
