"""Credentials of many extensions: added, refused and removed while the house runs."""

import json
from pathlib import Path

import pytest
import redis

from orchestrator.runtime import FrontEnd, front_end
from orchestrator.settings import load
from orchestrator.storage import keys
from tests.e2e.credentials_kit import (
    APP,
    CALLEE,
    KEY,
    Ended,
    accept,
    added,
    entry,
    extension_id,
    jwt,
    ringout,
)
from tests.harness.clients import reaches, shown
from tests.harness.processes import Fleet, Process
from tests.harness.redis import free_port
from tests.harness.simulated import Simulated
from tests.harness.waiting import wait_until

REFUSED = "hush-a-jwt-that-nobody-knows"


@pytest.fixture(autouse=True)
def keyed(fleet: Fleet) -> None:
    fleet.environment["RINGOUT_CREDENTIALS_KEY"] = KEY


async def _placed_by(simulated: Simulated, to: str = CALLEE) -> list[str]:
    return [str(row["extension"]) for row in await simulated.dialled(to)]


def _listed(fleet: Fleet) -> dict[str, dict[str, object]]:
    rows = ringout(fleet, "credentials", "list", "--json").document["credentials"]
    return {row["name"]: row for row in rows}


async def test_calls_of_an_extension_are_placed_with_what_was_added_for_it(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    fleet.worker()
    added(fleet, "desk-2", 2)
    added(fleet, "desk-3", 3)
    ids = [await accept(front, number, f"+1202555010{number}") for number in (2, 3)]
    for call_id in ids:
        await reaches(front, call_id, "connected", "ended")
    assert await _placed_by(simulated, "+12025550102") == [extension_id(2)]
    assert await _placed_by(simulated, "+12025550103") == [extension_id(3)]


async def test_what_was_removed_ends_its_queued_calls_and_no_others(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    added(fleet, "desk-2", 2)
    added(fleet, "desk-3", 3)
    removed, other = await accept(front, 2), await accept(front, 3)
    assert ringout(fleet, "credentials", "remove", "desk-2").code == 0
    fleet.worker()
    call = await reaches(front, removed, "ended")
    assert (call["outcome"], call["reason"]["code"]) == ("blocked", "no_credential")
    assert (await reaches(front, other, "ended"))["outcome"] == "completed"
    assert await _placed_by(simulated) == [extension_id(3)]


async def test_what_ringcentral_refuses_is_parked_and_the_others_go_on(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    port = free_port()
    worker = fleet.worker(RINGOUT_WORKER_METRICS_PORT=str(port))
    added(fleet, "desk-2", 2, REFUSED)
    added(fleet, "desk-3", 3)
    refused, other = await accept(front, 2), await accept(front, 3)
    call = await reaches(front, refused, "ended")
    assert (call["outcome"], call["reason"]["code"]) == ("blocked", "OAU-146")
    assert (await reaches(front, other, "ended"))["outcome"] == "completed"

    rows = _listed(fleet)
    parked = rows["desk-2"]["parked"]
    assert isinstance(parked, dict)
    assert parked["code"] == "OAU-146"
    assert rows["desk-3"]["parked"] is None
    lines = ringout(fleet, "credentials", "list").lines
    assert any("desk-2" in line and "refused since 20" in line for line in lines)
    told = ringout(fleet, "doctor").lines
    assert any(line.startswith("fail  credential") and "desk-2: Ring" in line for line in told)
    await wait_until(lambda: _is_shown(front, port, simulated))

    added(fleet, "desk-2", 2)
    again = await accept(front, 2)
    assert (await reaches(front, again, "ended"))["outcome"] == "completed"
    assert _listed(fleet)["desk-2"]["parked"] is None
    assert not any(REFUSED in line for line in worker.errors)


async def _is_shown(front: FrontEnd, port: int, simulated: Simulated) -> bool:
    async with simulated._session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        is_counted = "ringout_credentials_parked 1.0" in await answer.text()
    fields = await front.backend.commands.execute("HGETALL", "ringout:v1:{ringout}:stats")
    return is_counted and fields.get(b"credentialsParked") == b"1"


async def test_what_ringcentral_refuses_later_is_parked_then(
    fleet: Fleet, simulated: Simulated, front: FrontEnd
) -> None:
    fleet.worker()
    added(fleet, "desk-2", 2)
    await reaches(front, await accept(front, 2), "connected", "ended")
    change = {"extension": extension_id(2), "refused": True, "revoke": True}
    await simulated._ask("POST", "/__sim/extensions", change)
    first = await reaches(front, await accept(front, 2), "ended")
    assert first["reason"]["code"] == "OAU-140"
    next_ = await reaches(front, await accept(front, 2), "ended")
    assert (next_["outcome"], next_["reason"]["code"]) == ("blocked", "OAU-140")
    assert _listed(fleet)["desk-2"]["parked"] is not None


def _dump(url: str) -> str:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        found = []
        for key in client.keys("*"):
            kind = client.type(key)
            if kind == "hash":
                found.append((key, client.hgetall(key)))
            elif kind == "string":
                found.append((key, client.get(key)))
        return repr(found)


async def test_no_secret_is_seen_anywhere(
    fleet: Fleet, simulated: Simulated, front: FrontEnd, redis_url: str
) -> None:
    worker = fleet.worker(RINGOUT_LOG_LEVEL="debug")
    added(fleet, "desk-2", 2)
    added(fleet, "desk-3", 3, REFUSED)
    for number in (2, 3):
        await reaches(front, await accept(front, number), "connected", "ended")
    said = [
        *worker.errors,
        *ringout(fleet, "credentials", "list").lines,
        *ringout(fleet, "credentials", "list", "--json").lines,
        *ringout(fleet, "doctor").lines,
        _dump(redis_url),
    ]
    assert "desk-2" in "".join(said)
    for secret in (jwt(2), REFUSED, APP["RC_APP_CLIENT_SECRET"], KEY):
        assert [line for line in said if secret in line] == []


def test_many_are_added_from_standard_input_or_a_file(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps([entry(2), entry(3)]), encoding="utf-8")
    ended = ringout(fleet, "credentials", "add", "--file", str(path), "--json")
    assert [one["name"] for one in ended.document["added"]] == ["desk-2", "desk-3"]
    assert "simulator-jwt" not in "".join(ended.lines)
    assert sorted(_listed(fleet)) == ["desk-2", "desk-3"]
    assert _listed(fleet)["desk-2"]["source"] == "redis"


def test_the_configuration_s_stands_and_that_is_said(fleet: Fleet, tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps([entry(2)]), encoding="utf-8")
    added(fleet, "desk-2", 3)
    fleet.environment["RINGOUT_CREDENTIALS_FILE"] = str(path)
    lines = ringout(fleet, "credentials", "list").lines
    assert [line.split("  ")[3:] for line in lines] == [
        ["from configuration", "in use"],
        ["from redis", "not used: the configuration has one of this name"],
    ]


def test_an_extension_has_one_credential(fleet: Fleet) -> None:
    added(fleet, "desk-2", 2)
    added(fleet, "desk-2", 2)
    ended = _add(fleet, "other", "--extension", extension_id(2))
    assert ended.code == 2
    assert "extension: 400131426002 has the credential desk-2 already" in ended.errors[0]
    assert list(_listed(fleet)) == ["desk-2"]


def _add(fleet: Fleet, *arguments: str, **more: str) -> Ended:
    given = {**APP, "RC_USER_JWT": jwt(2), **more}
    return ringout(fleet, "credentials", "add", *arguments, **given)


@pytest.mark.parametrize(
    ("arguments", "given", "says"),
    [
        ((), {}, "either NAME or --file says what to add"),
        (("desk", "--file", "x"), {}, "either NAME or --file says what to add"),
        (("desk 2",), {}, "name: "),
        (("x" * 41,), {}, "name: "),
        (("16505550100",), {}, "name: should hold no phone number"),
        (("desk", "--extension", "1/2"), {}, "extension: "),
        (("desk", "--account", ""), {}, "account: "),
        (("desk",), {"RC_APP_CLIENT_ID": ""}, "--client-id: "),
        (("desk",), {"RC_APP_CLIENT_SECRET": ""}, "RC_APP_CLIENT_SECRET: "),
        (("desk",), {"RC_USER_JWT": ""}, "RC_USER_JWT: "),
        (("desk",), {"RC_USER_JWT": "  "}, "jwt: "),
        (("desk",), {"RINGOUT_CREDENTIALS_KEY": ""}, "RINGOUT_CREDENTIALS_KEY: "),
        (("desk",), {"RINGOUT_CREDENTIALS_KEY": "short"}, "RINGOUT_CREDENTIALS_KEY: "),
        (("--file", "/nowhere/at.all"), {}, "--file: /nowhere/at.all cannot be read: "),
    ],
)
def test_what_is_wrong_names_the_field(
    fleet: Fleet, arguments: tuple[str, ...], given: dict[str, str], says: str
) -> None:
    ended = _add(fleet, *arguments, **given)
    assert (ended.code, len(ended.errors)) == (2, 1)
    assert ended.errors[0].startswith(f"ringout: {says}")
    assert jwt(2) not in ended.errors[0]
    assert _listed(fleet) == {}


def test_removing_what_is_not_there_is_a_failure(fleet: Fleet) -> None:
    ended = ringout(fleet, "credentials", "remove", "desk-2")
    assert ended.code == 1
    assert ended.errors == ["ringout: there is no credential desk-2 in Redis"]


MALFORMED = [
    ([entry(2), entry(3, extension="x y")], "entry 2: extension: "),
    ("{", "not JSON: "),
    ("{}", "should be a JSON array of objects"),
    ([entry(2), {"name": "desk-3"}], "entry 2: clientId: "),
    ([entry(2), {**entry(3), "secret": "x"}], "entry 2: there is no field secret"),
    ([entry(2), entry(2, "other")], "entry 2: there is another one of this owner"),
    ([entry(2), entry(3, "desk-2")], "entry 2: there is another one of this name"),
]


@pytest.mark.parametrize(
    ("process", "document", "says"),
    [
        *(("worker", *row) for row in MALFORMED),
        *((process, *MALFORMED[0]) for process in ("rest", "mcp", "doctor")),
    ],
)
def test_a_file_that_is_wrong_names_the_variable_and_the_entry(
    fleet: Fleet, tmp_path: Path, process: str, document: object, says: str
) -> None:
    path = tmp_path / "credentials.json"
    text = document if isinstance(document, str) else json.dumps(document)
    path.write_text(text, encoding="utf-8")
    ended = ringout(fleet, process, RINGOUT_CREDENTIALS_FILE=str(path))
    if process == "doctor":
        assert ended.code == 1
        said = "".join(ended.lines)
    else:
        assert (ended.code, len(ended.errors)) == (2, 1)
        said = ended.errors[0]
    assert f"RINGOUT_CREDENTIALS_FILE: {path}: {says}" in said
    assert "simulator-jwt" not in said


async def test_a_file_s_credentials_are_used(
    fleet: Fleet, simulated: Simulated, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps([entry(2), entry(3)]), encoding="utf-8")
    fleet.environment["RINGOUT_CREDENTIALS_FILE"] = str(path)
    fleet.worker()
    async with front_end(load(fleet.environment)) as front:
        call_id = await accept(front, 3)
        await reaches(front, call_id, "connected", "ended")
        assert (await shown(front, call_id))["placedAt"] is not None
    assert await _placed_by(simulated) == [extension_id(3)]


def test_processes_are_started_by_the_key_alone(fleet: Fleet) -> None:
    worker: Process = fleet.worker(RINGCENTRAL_API_KEY="")
    assert worker.code is None


async def test_a_penalty_of_the_account_is_kept_by_those_that_do_not_name_it(
    fleet: Fleet, simulated: Simulated, tmp_path: Path
) -> None:
    path = tmp_path / "credentials.json"
    default = entry(1, "default", extension="~")
    path.write_text(json.dumps([default, entry(2, account="400131425008")]), encoding="utf-8")
    del fleet.environment["RINGCENTRAL_API_KEY"]
    fleet.environment["RINGOUT_CREDENTIALS_FILE"] = str(path)
    fleet.worker()
    async with front_end(load(fleet.environment)) as front:
        ids = [await accept(front, number) for number in (1, 2)]
        for call_id in ids:
            await reaches(front, call_id, "ended")
        await simulated.fault(
            operation="make", kind="status", status=429, errorCode="CMN-302", rate_headers=False,
            headers={"Retry-After": "4"},
        )  # fmt: skip
        refused = await accept(front, 2)
        await wait_until(lambda: _is_shut(front, "400131425008"))
        other = await accept(front, 1)
        assert (await shown(front, other))["queue"]["position"] == 1
        for call_id in (refused, other):
            await reaches(front, call_id, "ended")


async def _is_shut(front: FrontEnd, account: str) -> bool:
    return bool(await front.backend.commands.execute("EXISTS", keys.account_gate(account)))
