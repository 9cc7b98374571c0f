"""Wider limits than an extension's, and the counts of who used what."""

from tests.contract.simulator.simulator_kit import Box, box

FIRST = "400131426001"
SECOND = "400131426002"


async def statuses(api: Box, token: str, times: int) -> list[int]:
    api.token = token
    return [(await api.make()).status for _ in range(times)]


async def test_usage_tells_extensions_and_groups_apart() -> None:
    async with box(limits="heavy=2/60,light=9/60") as api:
        ringout_id = await api.made()
        assert (await api.read(ringout_id)).status == 200
        assert await statuses(api, "simulator-key", 3) == [200, 429, 429]
        assert await statuses(api, "simulator-key.2", 1) == [200]
        assert (await api.get("/__sim/usage")).json["usage"] == {
            FIRST: {
                "heavy": {"accepted": 2, "refused": 2, "inside_penalty": 1},
                "light": {"accepted": 1, "refused": 0, "inside_penalty": 0},
            },
            SECOND: {"heavy": {"accepted": 1, "refused": 0, "inside_penalty": 0}},
        }
        stats = (await api.get("/__sim/stats")).json
        assert stats["inside_penalty_by_holder"] == {FIRST: {"heavy": 1}}
        await api.sim("reset")
        assert (await api.get("/__sim/usage")).json["usage"] == {}


async def test_an_accounts_limit_counts_all_its_extensions_and_tells_nothing() -> None:
    async with box(limits="account=2/60") as api:
        assert await statuses(api, "simulator-key", 1) == [200]
        assert await statuses(api, "simulator-key.2", 1) == [200]
        answer = await api.make()
        assert (answer.status, answer.code) == (429, "CMN-302")
        assert not any(name.startswith(("X-Rate", "Retry")) for name in answer.headers)
        assert await statuses(api, "simulator-key", 1) == [429]
        usage = (await api.get("/__sim/usage")).json["usage"]
        assert usage["400131425008"]["account"]["inside_penalty"] == 1


async def test_a_global_429_for_a_while_strikes_every_request_and_later_ones_are_inside() -> None:
    async with box() as api:
        await api.fault(
            "any", "status", status=429, errorCode="CMN-310", rate_headers=False, seconds=600
        )
        answer = await api.make()
        assert (answer.status, answer.code) == (429, "CMN-310")
        assert not any(name.startswith(("X-Rate", "Retry")) for name in answer.headers)
        assert (await api.log_in()).status == 429
        assert await statuses(api, "simulator-key.2", 1) == [429]
        stats = (await api.get("/__sim/stats")).json
        assert (stats["requests_inside_penalty"], stats["calls_dialled"]) == (2, 0)
        assert stats["inside_penalty_by_holder"] == {
            "simulator-client": {"auth": 1},
            SECOND: {"heavy": 1},
        }


async def test_a_fault_is_over_when_its_seconds_are() -> None:
    async with box() as api:
        await api.fault("make", "status", seconds=1e-9)
        assert (await api.make()).status == 200
        assert (await api.get("/__sim/faults")).json["faults"] == []


async def test_a_fault_of_seconds_may_have_times_too() -> None:
    async with box() as api:
        await api.fault("make", "status", seconds=600, times=1)
        assert await statuses(api, "simulator-key", 2) == [503, 200]


async def test_a_fault_may_strike_one_extension_or_account() -> None:
    async with box() as api:
        await api.fault("any", "status", times=None, match={"extension": SECOND})
        assert await statuses(api, "simulator-key", 1) == [200]
        assert await statuses(api, "simulator-key.2", 1) == [503]
        await api.fault("any", "status", times=None, status=500, match={"account": "5"})
        await api.fault("any", "status", times=None, status=502, match={"account": "400131425008"})
        assert await statuses(api, "simulator-key", 1) == [502]


async def test_a_duplicate_request_is_refused_though_it_dialled() -> None:
    async with box() as api:
        await api.fault("make", "dialled_status", status=429, errorCode="CMN-304")
        answer = await api.make()
        assert (answer.status, answer.code) == (429, "CMN-304")
        assert len(await api.ledger()) == 1
