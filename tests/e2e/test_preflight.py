"""The checks of processes that start: in the background, logged, within limits."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.credentials_kit import APP, entry
from tests.harness.processes import Fleet, Process
from tests.harness.redis import RedisServer, free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

LIGHT = {"extension", "status", "presence", "phone-number", "forwarding-number"}
ON = {"RINGOUT_PREFLIGHT": "on"}
JWT = {**APP, "RC_USER_JWT": "simulator-jwt", "RINGCENTRAL_API_KEY": "", **ON}


def _logged(process: Process, event: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in process.errors if line.startswith("{")]
    return [row for row in rows if row["event"] == event]


async def _done(process: Process) -> list[dict[str, Any]]:
    """What was not right, once all has been looked at."""
    await wait_until(lambda: _logged(process, "preflight_done"), 30)
    return _logged(process, "preflight")


async def _asked(simulated: Simulated) -> Counter[str]:
    return Counter(row["operation"] for row in await simulated.requests())


@pytest.mark.parametrize("given", [ON, JWT], ids=["bearer token", "jwt"])
async def test_all_is_well_and_little_is_asked(
    fleet: Fleet, simulated: Simulated, given: dict[str, str]
) -> None:
    worker = fleet.worker(**given)
    assert await _done(worker) == []
    asked = await _asked(simulated)
    assert asked["extension"] == 1
    assert sum(count for operation, count in asked.items() if operation in LIGHT) <= 4
    assert set(asked) - LIGHT <= {"token"}


async def test_what_is_missing_is_logged_and_counted(
    fleet: Fleet, simulated: Simulated, session: Any
) -> None:
    await simulated.tune(scope="ReadAccounts RingOut", disabled_features="RingOut")
    port = free_port()
    worker = fleet.worker(**JWT, RINGOUT_WORKER_METRICS_PORT=str(port))
    found = await _done(worker)
    assert [(row["check"], row["verdict"], row["credential"]) for row in found] == [
        ("permissions", "warn", "default"),
        ("extension", "fail", "default"),
    ]
    assert {row["level"] for row in found} == {"warning"}
    assert "ReadCallLog and ReadPresence" in found[0]["advice"]
    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        shown = await answer.text()
    assert 'ringout_preflight_findings{check="permissions",verdict="warn"} 1.0' in shown
    assert 'ringout_preflight_findings{check="credential",verdict="ok"} 1.0' in shown


async def test_a_bearer_token_is_tried_out(fleet: Fleet, simulated: Simulated) -> None:
    await simulated.tune(scope="ReadAccounts ReadPresence")
    (found,) = await _done(fleet.worker(**ON))
    assert (found["check"], found["verdict"]) == ("permissions", "fail")
    assert "RingOut permission" in found["advice"]


async def test_a_worker_starts_without_ringcentral(fleet: Fleet, simulated: Simulated) -> None:
    worker = fleet.worker(**ON, RC_SERVER_URL=f"http://127.0.0.1:{free_port()}")
    (found,) = await _done(worker)
    assert (found["check"], found["verdict"]) == ("credential", "fail")
    assert worker.code is None


async def test_it_can_be_switched_off(fleet: Fleet, simulated: Simulated) -> None:
    worker = fleet.worker(RINGOUT_PREFLIGHT="off")
    rest = fleet.command("rest", RINGOUT_REST_PORT="0", RINGOUT_PREFLIGHT="off")
    rest.line_with("rest listening on")
    await _done(fleet.worker(**ON))
    assert _logged(worker, "preflight_done") == _logged(rest, "preflight_done") == []
    assert (await _asked(simulated))["extension"] == 1


async def test_one_worker_of_a_fleet_asks(fleet: Fleet, simulated: Simulated) -> None:
    for worker in [fleet.worker(**ON) for _ in range(3)]:
        await _done(worker)
    assert (await _asked(simulated))["extension"] == 1


async def test_no_more_than_twenty_credentials_a_minute_are_checked(
    fleet: Fleet, simulated: Simulated, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps([entry(2), entry(3)]), encoding="utf-8")
    worker = fleet.worker(
        **ON,
        RINGOUT_CREDENTIALS_FILE=str(path),
        RINGCENTRAL_API_KEY="",
        RINGOUT_LOGINS_A_MINUTE="1000",
    )
    assert await _done(worker) == []
    asked = [row for row in await simulated.requests() if row["operation"] == "extension"]
    first, second = (row["received_monotonic_ns"] for row in asked)
    assert second - first > 2_500_000_000


@pytest.mark.parametrize("process", ["rest", "mcp", "worker"])
async def test_each_process_looks_at_redis(
    fleet: Fleet, simulated: Simulated, tmp_path: Path, process: str
) -> None:
    server = RedisServer(
        tmp_path / "careless", appendonly="no", **{"maxmemory-policy": "allkeys-lru"}
    )
    server.start()
    try:
        ports = {"RINGOUT_REST_PORT": "0", "RINGOUT_MCP_PORT": "0"}
        started = fleet.command(process, **ON, **ports, REDIS_URL=server.url)
        found = await _done(started)
        assert [(row["check"], row["verdict"]) for row in found] == [
            ("eviction", "fail"),
            ("persistence", "warn"),
        ]
        asks = (await _asked(simulated))["extension"]
        assert asks == (1 if process == "worker" else 0)
        assert started.code is None
    finally:
        server.kill()
