"""`ringout doctor` and the credentials of many extensions."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.credentials_kit import APP, KEY, added, entry, extension_id, ringout
from tests.harness.processes import Fleet
from tests.harness.simulated import Simulated

JWT = {**APP, "RC_USER_JWT": "simulator-jwt", "RINGCENTRAL_API_KEY": ""}


def _told(fleet: Fleet, **more: str) -> dict[str, list[tuple[str, str]]]:
    """What doctor says, by what it is about: verdicts and words."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in ringout(fleet, "doctor", "--json", **more).document:
        found.setdefault(row["about"], []).append((row["verdict"], row["what"]))
    return found


def _file(fleet: Fleet, tmp_path: Path, *entries: dict[str, str]) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    fleet.environment |= {
        "RINGOUT_CREDENTIALS_FILE": str(path),
        "RINGCENTRAL_API_KEY": "",
        "RINGOUT_LOGINS_A_MINUTE": "1000",
    }


@pytest.mark.parametrize(
    ("scope", "verdict"),
    [
        ("ReadAccounts ReadCallLog ReadPresence RingOut", "ok"),
        ("ReadAccounts ReadCallLog RingOut", "warn"),
        ("ReadAccounts ReadPresence RingOut", "warn"),
        ("ReadAccounts ReadCallLog ReadPresence", "fail"),
    ],
)
@pytest.mark.parametrize("given", [JWT, {}], ids=["jwt", "bearer token"])
async def test_permissions_are_looked_up_or_tried_out(
    fleet: Fleet, simulated: Simulated, scope: str, verdict: str, given: dict[str, str]
) -> None:
    await simulated.tune(scope=scope)
    told = _told(fleet, **given)
    assert told["permissions"][0][0] == verdict
    assert told["credential"][0][0] == told["extension"][0][0] == "ok"


async def test_what_cannot_be_asked_is_said_and_is_no_fault(
    fleet: Fleet, simulated: Simulated
) -> None:
    await simulated.tune(scope="ReadCallLog ReadPresence RingOut")
    told = _told(fleet, **JWT)
    for about in ("extension", "caller-id", "phones"):
        ((verdict, what),) = told[about]
        assert verdict == "ok"
        assert what.startswith("not known: ")


async def test_an_extension_without_ringout_is_found(fleet: Fleet, simulated: Simulated) -> None:
    await simulated.tune(disabled_features="RingOut")
    ((verdict, what),) = _told(fleet, **JWT)["extension"]
    assert verdict == "fail"
    assert what.startswith("RingOut is off for it")


async def test_many_are_summed_up_and_the_bad_ones_named(
    fleet: Fleet, simulated: Simulated, tmp_path: Path
) -> None:
    entries = [entry(number) for number in range(2, 22)]
    bad = entry(30, "unknown", jwt="hush-nobody")
    theirs = entry(31, "swapped", jwt="simulator-jwt.32")
    _file(fleet, tmp_path, *entries, bad, theirs)
    told = _told(fleet)
    assert [what for _, what in told["credential"]] == [
        "22 credentials: 21 ok, 1 fail",
        "unknown: RingCentral refuses it: Invalid resource owner credentials (OAU-146)",
    ]
    assert told["permissions"][0] == ("ok", told["permissions"][0][1])
    assert [what for _, what in told["extension"]] == [
        "21 credentials: 20 ok, 1 fail",
        f"swapped: its JWT is that of extension {extension_id(32)}, not of {extension_id(31)}",
    ]
    assert (await simulated.stats())["requests_limited"] == 0


async def test_a_parked_one_is_told_with_its_reason_and_not_tried_again(
    fleet: Fleet, simulated: Simulated, tmp_path: Path
) -> None:
    _file(fleet, tmp_path, entry(2, jwt="hush-nobody"))
    assert _told(fleet)["credential"][0][0] == "fail"
    ((verdict, what),) = _told(fleet)["credential"]
    assert verdict == "fail"
    assert what.startswith("RingCentral refuses it since 20")
    assert what.endswith("Invalid resource owner credentials (OAU-146)")
    asked = Counter(row["operation"] for row in await simulated.requests())
    assert asked["token"] == 1


async def test_checks_leave_half_of_an_app_s_logins_to_calls(
    fleet: Fleet, simulated: Simulated, tmp_path: Path
) -> None:
    _file(fleet, tmp_path, *(entry(number) for number in range(2, 7)))
    told = _told(fleet, RINGOUT_LOGINS_A_MINUTE="4")
    assert told["credential"][0] == ("warn", "5 credentials: 2 ok, 3 warn")
    assert "not checked: it has no token yet" in told["credential"][1][1]
    asked = Counter(row["operation"] for row in await simulated.requests())
    assert asked["token"] == 2


def test_none_at_all_is_a_failure(fleet: Fleet, simulated: Simulated) -> None:
    told = _told(fleet, RINGCENTRAL_API_KEY="", RINGOUT_CREDENTIALS_KEY=KEY)
    assert told["credential"] == [("fail", "there is none: no call can be placed")]


def test_a_key_that_does_not_fit_is_said(fleet: Fleet, simulated: Simulated) -> None:
    fleet.environment["RINGOUT_CREDENTIALS_KEY"] = KEY
    added(fleet, "desk-2", 2)
    told = _told(fleet, RINGOUT_CREDENTIALS_KEY="x" * 40)
    ((verdict, what),) = told["credential key"]
    assert verdict == "fail"
    assert "desk-2" in what
    assert told["credential"][0][0] == "ok"
