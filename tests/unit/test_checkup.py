"""What the checks make of what they are told."""

from dataclasses import replace

import pytest

from orchestrator.cli.checks import ringcentral
from orchestrator.domain.findings import Finding, Verdict, worst
from orchestrator.service.checkup import clocks, permissions, server
from orchestrator.service.checkup.permissions import Permissions
from orchestrator.service.checkup.survey import spare_logins, summed_up
from orchestrator.storage.condition import Condition, read

MIB = 1 << 20
INFO = {
    "redis_version": "7.2.4",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "used_memory": 10 * MIB,
    "maxmemory": 0,
    "total_system_memory": 100 * MIB,
}


def _told(**changes: object) -> Condition:
    return read({**INFO, **changes}, 0)


def _verdicts(condition: Condition) -> dict[str, Verdict]:
    return {finding.about: finding.verdict for finding in server.judged(condition)}


def test_a_sound_server_is_found_sound() -> None:
    found = server.judged(_told())
    assert [finding.about for finding in found] == ["redis", "memory", "eviction", "persistence"]
    assert {finding.verdict for finding in found} == {"ok"}


@pytest.mark.parametrize(
    ("told", "about", "verdict"),
    [
        ({"redis_version": "6.0.9"}, "redis", "fail"),
        ({"redis_version": "6.2.0"}, "redis", "ok"),
        ({"redis_version": "10.0.0"}, "redis", "ok"),
        ({"role": "slave"}, "redis", "fail"),
        ({"maxmemory_policy": "allkeys-lru"}, "eviction", "fail"),
        ({"maxmemory_policy": None}, "eviction", "warn"),
        ({"aof_enabled": 0}, "persistence", "warn"),
        ({"aof_last_write_status": "err"}, "persistence", "fail"),
        ({"rdb_last_bgsave_status": "err"}, "persistence", "warn"),
        ({"used_memory": 76 * MIB}, "memory", "warn"),
        ({"used_memory": 91 * MIB}, "memory", "fail"),
        ({"maxmemory": 11 * MIB}, "memory", "fail"),
        ({"maxmemory": 1000 * MIB, "used_memory": 91 * MIB}, "memory", "ok"),
        ({"total_system_memory": None}, "memory", "ok"),
    ],
)
def test_what_is_made_of_what_a_server_tells(
    told: dict[str, object], about: str, verdict: str
) -> None:
    found = {finding.about: finding for finding in server.judged(_told(**told))}
    assert found[about].verdict == verdict
    assert (found[about].advice == "") == (verdict == "ok")
    others = {name: finding.verdict for name, finding in found.items() if name != about}
    assert set(others.values()) == {"ok"}


@pytest.mark.parametrize(
    ("skew", "verdict", "what"),
    [
        (0, "ok", "agrees with RingCentral's"),
        (-4_900, "ok", "agrees with RingCentral's"),
        (30_000, "warn", "30 s ahead of RingCentral's"),
        (-90_000, "fail", "90 s behind RingCentral's"),
    ],
)
def test_clocks_may_be_a_little_apart(skew: float, verdict: str, what: str) -> None:
    finding = clocks.agreement("clock", skew, "RingCentral's")
    assert (finding.verdict, finding.what) == (verdict, what)


@pytest.mark.parametrize(
    ("date", "now", "verdict"),
    [
        ("Tue, 24 Nov 2026 07:00:00 GMT", 1_795_503_601_000, "ok"),
        ("Tue, 24 Nov 2026 07:00:00 GMT", 1_795_503_630_000, "warn"),
        ("Tue, 24 Nov 2026 07:00:00 GMT", 1_795_503_000_000, "fail"),
        ("", 0, "warn"),
    ],
)
def test_the_clock_is_compared_with_the_date_of_an_answer(
    date: str, now: int, verdict: str
) -> None:
    assert ringcentral.clock(date, now).verdict == verdict


def _scope(*held: str) -> Permissions:
    return Permissions(frozenset(held), complete=True)


EVERYTHING = ("RingOut", "ReadCallLog", "ReadPresence", "CallControl", "SubscriptionWebhook")


@pytest.mark.parametrize(
    ("found", "verdict", "names"),
    [
        (_scope(*EVERYTHING), "ok", ()),
        (_scope(*EVERYTHING[1:]), "fail", ("RingOut",)),
        (_scope("RingOut", "ReadPresence"), "warn", ("ReadCallLog",)),
        (_scope("RingOut", "ReadCallLog"), "warn", ("ReadPresence",)),
        (_scope("RingOut"), "warn", ("ReadCallLog", "ReadPresence")),
        (_scope("ringout", "CallLog", "EditPresence"), "ok", ()),
        (Permissions(frozenset({"RingOut"}), frozenset({"RingOut"})), "ok", ()),
        (Permissions(frozenset(), frozenset({"RingOut"})), "fail", ("RingOut",)),
    ],
)
def test_what_is_made_of_permissions(
    found: Permissions, verdict: str, names: tuple[str, ...]
) -> None:
    finding = permissions.judged(found)
    assert finding.verdict == verdict
    asked_for = ("RingOut", "ReadCallLog", "ReadPresence")
    assert tuple(name for name in asked_for if f" {name} " in finding.advice) == names


def test_what_is_not_available_is_said() -> None:
    bare = permissions.judged(_scope(*EVERYTHING[:3])).what
    assert "without CallControl" in bare
    assert "without WebSocketsSubscription or SubscriptionWebhook" in bare
    assert permissions.judged(_scope(*EVERYTHING)).what == "the app may place and follow calls"


def test_what_is_not_known_is_not_said_to_be_missing() -> None:
    found = Permissions(frozenset({"RingOut"}), frozenset({"RingOut"}))
    assert "without" not in permissions.judged(found).what


GOOD = Finding("credential", "ok", "RingCentral accepts it")
BAD = Finding("credential", "fail", "RingCentral refuses it", "give it another")


def test_one_credential_is_told_as_it_is() -> None:
    assert summed_up({"desk": [GOOD]}) == [GOOD]


def test_many_credentials_are_counted_and_the_bad_ones_named() -> None:
    found = {f"desk-{number:03}": [GOOD] for number in range(198)}
    assert summed_up({**found, "a": [BAD], "b": [BAD]}) == [
        Finding("credential", "fail", "200 credentials: 198 ok, 2 fail"),
        replace(BAD, what="a, b: RingCentral refuses it"),
    ]


def test_no_more_are_named_than_can_be_read() -> None:
    rows = summed_up({f"desk-{number:03}": [BAD] for number in range(200)})
    assert len(rows) == 2
    assert rows[1].what.startswith("desk-000, desk-001, ")
    assert "desk-009 and 190 more: " in rows[1].what


def test_different_faults_are_different_rows() -> None:
    other = replace(BAD, what="it is Disabled")
    rows = summed_up({"a": [BAD], "b": [other], "c": [GOOD]})
    assert [row.what for row in rows[1:]] == ["a: RingCentral refuses it", "b: it is Disabled"]


def test_the_gravest_verdict_counts() -> None:
    assert worst(["ok", "warn", "ok"]) == "warn"
    assert worst(["warn", "fail"]) == "fail"
    assert worst([]) == "ok"


@pytest.mark.parametrize(("a_minute", "spare"), [(1, 1), (4, 2), (5, 2), (100, 50)])
def test_checks_leave_logins_for_calls(a_minute: int, spare: int) -> None:
    assert spare_logins(a_minute) == spare
