"""Rate limits: windows, headers, and the penalty that every knock renews.

The windows run on the machine's clock; `scale_limits` puts them on the simulated one, which
stands still here until it is advanced.
"""

import pytest

from simulator.limits import DEFAULT_LIMITS, Limits
from tests.contract.simulator.simulator_kit import ACCOUNT, EXTENSION, RING_OUT, Box, box

TWO = "heavy=2/60,light=3/10,auth=1/60,penalty=30"


async def statuses(api: Box, count: int) -> list[int]:
    return [(await api.make()).status for _ in range(count)]


async def test_the_documented_numbers_are_the_default() -> None:
    async with box(limits=DEFAULT_LIMITS) as api:
        made = await api.make()
        read = await api.read(made.json["id"])
        token = await api.log_in()
        shown = [
            tuple(answer.headers[f"X-Rate-Limit-{name}"] for name in ("Group", "Limit", "Window"))
            for answer in (made, read, token)
        ]
        assert shown == [("heavy", "10", "60"), ("light", "50", "60"), ("auth", "5", "60")]
        assert made.headers["X-Rate-Limit-Remaining"] == "9"


async def test_off_means_no_limit_and_no_headers() -> None:
    async with box(limits="off") as api:
        assert set(await statuses(api, 30)) == {200}
        assert not any(name.startswith("X-Rate") for name in (await api.make()).headers)


async def test_the_answer_to_one_too_many() -> None:
    async with box(limits=TWO) as api:
        assert await statuses(api, 2) == [200, 200]
        answer = await api.make()
        assert (answer.status, answer.code) == (429, "CMN-301")
        assert answer.json["message"] == "Request rate exceeded"
        assert answer.headers["Retry-After"] == "30"
        assert answer.headers["X-Rate-Limit-Remaining"] == "0"
        await api.sim("settings", retry_after=False)
        answer = await api.make()
        assert "Retry-After" not in answer.headers
        assert answer.headers["X-Rate-Limit-Group"] == "heavy"
        assert len(await api.ledger()) == 2


async def test_dials_cancels_and_records_share_a_bucket_and_reads_do_not() -> None:
    async with box(limits=TWO) as api:
        ringout_id = await api.made()
        assert (await api.cancel(ringout_id)).status == 204
        for path in ("active-calls", "call-log"):
            assert (await api.get(f"{EXTENSION}/{path}")).status == 429
            assert (await api.get(f"{ACCOUNT}/{path}")).status == 429
        assert (await api.read(ringout_id)).status == 200


async def test_extensions_have_buckets_of_their_own() -> None:
    async with box(limits=TWO) as api:
        assert await statuses(api, 3) == [200, 200, 429]
        api.token = "simulator-key.2"
        assert await statuses(api, 3) == [200, 200, 429]


async def test_a_token_and_the_static_key_of_one_extension_share_a_bucket() -> None:
    async with box(limits=TWO) as api:
        await statuses(api, 1)
        api.token = (await api.log_in()).json["access_token"]
        assert await statuses(api, 2) == [200, 429]


@pytest.mark.parametrize(("by", "second"), [("app", 429), ("user", 200)])
async def test_logins_count_by_application_or_by_user(by: str, second: int) -> None:
    async with box(limits=TWO, auth_limit_by=by) as api:
        assert (await api.log_in()).status == 200
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        other = await api.log_in(grant_type=grant, assertion="simulator-jwt.2")
        assert other.status == second


async def test_the_window_slides() -> None:
    async with box(limits="heavy=2/60,penalty=30", speed=1e-6) as api:
        await api.sim("settings", scale_limits=True)
        assert await statuses(api, 1) == [200]
        await api.advance(40)
        assert await statuses(api, 1) == [200]
        await api.advance(21)
        assert await statuses(api, 1) == [200]
        assert (await api.make()).status == 429


async def test_every_request_inside_the_penalty_renews_it() -> None:
    async with box(limits="heavy=1/10,penalty=30") as api:
        await api.sim("settings", scale_limits=True)
        assert await statuses(api, 2) == [200, 429]
        await api.advance(29)
        assert await statuses(api, 1) == [429]
        await api.advance(29)
        assert await statuses(api, 1) == [429]
        await api.advance(31)
        assert await statuses(api, 1) == [200]


async def test_requests_inside_a_penalty_are_told_apart() -> None:
    async with box(limits=TWO) as api:
        await statuses(api, 5)
        entries = (await api.get("/__sim/requests")).json["requests"]
        assert [entry["status"] for entry in entries] == [200, 200, 429, 429, 429]
        inside = [entry["inside_penalty"] for entry in entries]
        assert inside == [False, False, False, True, True]
        stats = (await api.get("/__sim/stats")).json
        assert (stats["requests_inside_penalty"], stats["requests_limited"]) == (2, 3)


async def test_without_scaling_an_advance_does_not_open_the_window() -> None:
    async with box(limits=TWO) as api:
        await statuses(api, 2)
        await api.advance(3600)
        assert await statuses(api, 1) == [429]


async def test_the_global_limit_tells_nothing() -> None:
    async with box(limits="global=1/60") as api:
        await statuses(api, 1)
        answer = await api.make()
        assert (answer.status, answer.code) == (429, "CMN-310")
        assert "Retry-After" not in answer.headers
        assert not any(name.startswith("X-Rate") for name in answer.headers)


async def test_a_request_without_a_good_token_costs_nothing() -> None:
    async with box(limits=TWO) as api:
        for _ in range(5):
            assert (await api.ask("POST", RING_OUT, headers={})).status == 401
        assert await statuses(api, 2) == [200, 200]


@pytest.mark.parametrize(
    "text", ["", "heavy", "heavy=0/60", "heavy=1/0", "heavy=1", "x=1/2", "penalty=nan", "heavy=a/b"]
)
def test_a_limit_that_is_not_understood(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Limits.parse(text)
