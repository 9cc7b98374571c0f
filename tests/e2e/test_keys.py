"""`ringout keys`, the processes that ask for one, and the rule that none is exposed without."""

import json
import re

import aiohttp
import pytest
import redis

from tests.e2e.credentials_kit import Ended, ringout
from tests.harness.api_keys import bearer
from tests.harness.processes import Fleet, Process
from tests.harness.redis import RedisServer, free_port
from tests.harness.waiting import wait_until

ANYWHERE = "0.0.0.0"  # noqa: S104
CREDENTIAL = {"RINGCENTRAL_API_KEY": "a-key"}
HOSTS = {
    "rest": ("RINGOUT_REST_HOST", {"RINGOUT_REST_PORT": "0"}),
    "worker": ("RINGOUT_WORKER_METRICS_HOST", {"RINGOUT_WORKER_METRICS_PORT": "1"}),
}


def created(fleet: Fleet, *arguments: str) -> str:
    ended = ringout(fleet, "keys", "create", *arguments)
    assert ended.code == 0, ended.errors
    (text,) = ended.lines
    assert re.fullmatch(r"ringout_live_[a-z0-9]{12}_[A-Za-z0-9]{33}", text)
    return text


def listed(fleet: Fleet) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = ringout(fleet, "keys", "list", "--json").document["keys"]
    return rows


def exposed(fleet: Fleet, **more: str) -> tuple[Process, str]:
    given = {"RINGOUT_REST_HOST": ANYWHERE, "RINGOUT_REST_PORT": "0", **CREDENTIAL, **more}
    process = fleet.command("rest", **given)
    port = process.line_with("rest listening on").rpartition(":")[2]
    return process, f"http://127.0.0.1:{port}"


def test_a_key_is_shown_once_and_listed_without_its_secret(fleet: Fleet, redis_url: str) -> None:
    text = created(fleet, "crm", "--expires-in", "90d", "--caller", "+1 650 555 0100")
    (row,) = listed(fleet)
    assert row["id"] == text.split("_")[2]
    assert row["scopes"] == ["calls:cancel", "calls:create", "calls:read"]
    assert (row["name"], row["lastUsedAt"], row["revokedAt"]) == ("crm", None, None)
    with redis.Redis.from_url(redis_url) as client:
        dump = repr([client.dump(key) for key in client.scan_iter()]).encode()
        kept = client.hgetall(f"ringout:v1:{{ringout}}:api-key:{row['id']}")
        entries = client.xrange("ringout:v1:{ringout}:audit")
    assert str(row["id"]).encode() in dump
    assert text.rpartition("_")[2].encode() not in dump
    assert text.rpartition("_")[2] not in repr(kept)
    assert "6505550100" not in repr(kept)
    assert [fields[b"action"] for _, fields in entries] == [b"key.created"]
    assert text.rpartition("_")[2] not in json.dumps(listed(fleet))


def test_a_key_is_rotated_and_revoked_by_whatever_names_it(fleet: Fleet) -> None:
    text = created(fleet)
    key_id = text.split("_")[2]
    newer = ringout(fleet, "keys", "rotate", f"ringout_live_{key_id}", "--overlap", "1h")
    assert newer.lines[0].startswith(f"ringout_live_{key_id}_")
    assert newer.lines[0] != text
    assert ringout(fleet, "keys", "revoke", text).code == 0
    assert listed(fleet)[0]["revokedAt"]
    assert ringout(fleet, "keys", "rotate", key_id).code == 1
    assert ringout(fleet, "keys", "revoke", "aaaaaaaaaaaa").code == 1


@pytest.mark.parametrize("cancels", [True, False])
def test_the_calls_of_a_key_that_is_revoked(fleet: Fleet, redis_url: str, *, cancels: bool) -> None:
    text, other = created(fleet), created(fleet)
    _, url = exposed(fleet)
    key, ids = text.split("_")[2], []
    for shown, number in ((text, "+16505550123"), (text, "+16505550124"), (other, "+16505550125")):
        asked = ("call", number, "--json")
        call = ringout(fleet, *asked, RINGOUT_PUBLIC_URL=url, RINGOUT_API_KEY=shown)
        ids.append(call.document["id"])
    mine = sorted(ids[:2])

    option = ["--cancel-calls"] if cancels else []
    told = ringout(fleet, "keys", "revoke", key, "--json", *option).document

    assert (told["revoked"], sorted(told["cancelled"])) == (True, mine if cancels else [])
    assert sorted(told["waiting"]) == ([] if cancels else mine)
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        calls = [client.hgetall(f"ringout:v1:{{ringout}}:call:{one}") for one in ids]
        audit = [row for _, row in client.xrange("ringout:v1:{ringout}:audit")]
    states = [(call["state"], call["outcome"]) for call in calls]
    mines = ("ended", "cancelled") if cancels else ("queued", "")
    assert states == [mines, mines, ("queued", "")]
    noted = [row["about"] for row in audit if row["action"] == "call.cancel_requested"]
    assert sorted(noted) == (mine if cancels else [])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--scope", "calls:all"], "calls:create, calls:read, calls:cancel, webhooks, ops"),
        (["--expires-in", "soon"], "--expires-in"),
        (["--expires-in", "0"], "--expires-in"),
        (["--caller", "911"], "--caller"),
        (["--quota", "many"], "--quota"),
        (["--forwarding-number", "a b"], "--forwarding-number"),
    ],
)
def test_wrong_usage_is_named(fleet: Fleet, arguments: list[str], named: str) -> None:
    ended: Ended = ringout(fleet, "keys", "create", *arguments)
    assert (ended.code, ended.lines) == (2, [])
    assert named in " ".join(ended.errors)
    assert listed(fleet) == []


@pytest.mark.parametrize("name", ["Alice +16505550177", "(650) 555 - 0177", "6505550177"])
def test_a_key_is_not_named_by_a_number(fleet: Fleet, name: str) -> None:
    ended = ringout(fleet, "keys", "create", name)
    assert (ended.code, ended.lines) == (2, [])
    said = " ".join(ended.errors)
    assert "NAME: " in said
    assert "0177" not in said
    assert listed(fleet) == []
    assert created(fleet, "Alice, desk 3, 2026-11-24")


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("is_revoked", [False, True])
def test_nothing_is_exposed_without_a_key(fleet: Fleet, name: str, is_revoked: bool) -> None:
    if is_revoked:
        ringout(fleet, "keys", "revoke", created(fleet))
    variable, more = HOSTS[name]
    ended = ringout(fleet, name, **{variable: ANYWHERE, **more, **CREDENTIAL})
    assert ended.code == 2
    (line,) = [error for error in ended.errors if error.startswith("ringout: ")]
    assert variable in line
    assert "ringout keys create" in line


@pytest.mark.parametrize("name", ["rest", "mcp"])
@pytest.mark.parametrize("host", ["::ffff:127.0.0.1", "nowhere.invalid"])
def test_a_host_that_cannot_be_listened_on_is_told(fleet: Fleet, name: str, host: str) -> None:
    created(fleet)
    variable = f"RINGOUT_{name.upper()}_"
    ended = ringout(fleet, name, **{f"{variable}HOST": host, f"{variable}PORT": "0"}, **CREDENTIAL)
    assert ended.code == 2
    assert "Traceback" not in "".join(ended.errors)
    assert [error for error in ended.errors if error.startswith(f"ringout: {variable}")]


async def test_an_exposed_process_lets_in_keys_alone_and_at_once(
    fleet: Fleet, session: aiohttp.ClientSession
) -> None:
    text = created(fleet, "--scope", "calls:read, ops")
    process, url = exposed(fleet)

    async def status(**headers: str) -> int:
        async with session.get(f"{url}/v1/calls", headers=headers) as answer:
            return answer.status

    assert (await status(), await status(**bearer(text))) == (401, 200)
    another = created(fleet)
    assert await status(**bearer(another)) == 200
    ringout(fleet, "keys", "revoke", text)
    assert (await status(**bearer(text)), await status(**bearer(another))) == (401, 200)

    def was_used() -> bool:
        return all(row["lastUsedAt"] for row in listed(fleet))

    await wait_until(was_used)
    said = "\n".join([*process.lines, *process.errors])
    assert text.rpartition("_")[2] not in said
    assert another.rpartition("_")[2] not in said


async def test_where_redis_is_away_an_exposed_process_starts_closed(
    fleet: Fleet, session: aiohttp.ClientSession, own_redis: RedisServer
) -> None:
    own_redis.kill()
    _, url = exposed(fleet, REDIS_URL=own_redis.url)
    async with session.get(f"{url}/v1/calls") as answer:
        assert answer.status == 401
    own_redis.start()

    async def is_refused() -> bool:
        key = {"Authorization": "Bearer ringout_live_aaaaaaaaaaaa_" + "x" * 33}
        async with session.get(f"{url}/v1/calls", headers=key) as answer:
            return answer.status == 401

    await wait_until(is_refused)


def test_the_commands_of_a_person_show_their_key(fleet: Fleet) -> None:
    text = created(fleet)
    _, url = exposed(fleet)
    number = {"RINGOUT_PUBLIC_URL": url}
    call = ("call", "+16505550123", "--from", "+16505550100", "--json")
    refused = ringout(fleet, *call, **number)
    assert refused.code == 2
    assert "RINGOUT_API_KEY" in " ".join(refused.errors)
    made = ringout(fleet, *call, **number, RINGOUT_API_KEY=text)
    assert (made.code, made.document["state"]) == (0, "queued")


async def test_a_workers_metrics_need_ops_where_others_reach_them(
    fleet: Fleet, session: aiohttp.ClientSession
) -> None:
    ops, other = created(fleet, "--scope", "ops"), created(fleet)
    fleet.environment |= CREDENTIAL
    port = str(free_port())
    fleet.worker(RINGOUT_WORKER_METRICS_HOST=ANYWHERE, RINGOUT_WORKER_METRICS_PORT=port)
    found = []
    for path, headers in (
        ("/livez", {}),
        ("/metrics", {}),
        ("/metrics", bearer(other)),
        ("/metrics", bearer(ops)),
    ):
        async with session.get(f"http://127.0.0.1:{port}{path}", headers=headers) as answer:
            found.append(answer.status)
    assert found == [200, 401, 403, 200]


def test_no_secret_is_dropped_before_its_overlap_ends(fleet: Fleet, redis_url: str) -> None:
    key_id = created(fleet).split("_")[2]
    for _ in range(4):
        assert ringout(fleet, "keys", "rotate", key_id, "--overlap", "24h").code == 0
    with redis.Redis.from_url(redis_url) as client:
        key = f"ringout:v1:{{ringout}}:api-key:{key_id}"
        kept, entries = client.hgetall(key), client.xlen("ringout:v1:{ringout}:audit")
        refused = ringout(fleet, "keys", "rotate", key_id, "--overlap", "1h")
        assert (refused.code, refused.lines) == (1, [])
        assert re.search(r"--overlap: .* 5 secrets .*\(20.*Z\).*--overlap 0", refused.errors[-1])
        assert client.hgetall(key) == kept
        assert client.xlen("ringout:v1:{ringout}:audit") == entries
        assert ringout(fleet, "keys", "rotate", key_id, "--overlap", "0").code == 0
        assert len(json.loads(client.hget(key, "secrets"))) == 1


def test_a_key_that_has_expired_is_listed_so_and_not_rotated(fleet: Fleet, redis_url: str) -> None:
    key_id = created(fleet, "--expires-in", "90d").split("_")[2]
    with redis.Redis.from_url(redis_url) as client:
        ended = {"expiresAt": "2020-01-01T00:00:00.000Z"}
        client.hset(f"ringout:v1:{{ringout}}:api-key:{key_id}", mapping=ended)
    assert listed(fleet)[0]["state"] == "expired"
    assert "expired 2020-01-01" in ringout(fleet, "keys", "list").lines[0]
    refused = ringout(fleet, "keys", "rotate", key_id)
    assert (refused.code, refused.lines) == (1, [])
    assert f"{key_id} has expired" in refused.errors[-1]


def test_a_key_that_cannot_be_read_is_listed_and_revoked_and_keeps_nothing_from_starting(
    fleet: Fleet, redis_url: str
) -> None:
    bad, good = (created(fleet).split("_")[2] for _ in range(2))
    with redis.Redis.from_url(redis_url) as client:
        client.hset(f"ringout:v1:{{ringout}}:api-key:{bad}", mapping={"secrets": "[{"})
    exposed(fleet)
    found = ringout(fleet, "keys", "list")
    assert [found.code, "unreadable" in found.lines[0], "in use" in found.lines[1]] == [
        0,
        True,
        True,
    ]
    refused = ringout(fleet, "keys", "rotate", bad)
    assert (refused.code, "cannot be read" in refused.errors[-1]) == (1, True)
    assert ringout(fleet, "keys", "revoke", bad).code == 0
    assert {row["id"]: row["state"] for row in listed(fleet)} == {bad: "revoked", good: "in use"}
