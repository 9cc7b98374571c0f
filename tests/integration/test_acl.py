"""What Redis lets a dashboard do: every read that is promised, and nothing else."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from orchestrator.storage.entries import Entry
from tests.harness.acl import SHIPPED, GuardedServer
from tests.harness.leaks import glob
from tests.harness.processes import ROOT
from tests.harness.redis import RedisServer
from tests.house import acl

MAY_NOT = r"(?i)permission|can.t access at least one of the keys"
"""Redis 7.0 and Valkey say it in other words, of a command and of a script."""

EVERYBODYS = {"auth", "hello", "quit", "reset"}
"""Redis lets anyone run these: they come before a login, or undo it."""

MEMBER = "call_1"
WRITES = {
    "hash": ("HSET", "{key}", "field", MEMBER),
    "list": ("RPUSH", "{key}", MEMBER),
    "set": ("SADD", "{key}", MEMBER),
    "sorted set": ("ZADD", "{key}", "1", MEMBER),
    "stream": ("XADD", "{key}", "*", "field", MEMBER),
    "string": ("SET", "{key}", MEMBER),
}
READS = {
    "exists": ("{key}",),
    "get": ("{key}",),
    "hget": ("{key}", "field"),
    "hgetall": ("{key}",),
    "hkeys": ("{key}",),
    "hlen": ("{key}",),
    "hmget": ("{key}", "field"),
    "llen": ("{key}",),
    "lrange": ("{key}", "0", "-1"),
    "pttl": ("{key}",),
    "ttl": ("{key}",),
    "type": ("{key}",),
    "xinfo|stream": ("{key}",),
    "xlen": ("{key}",),
    "xrange": ("{key}", "-", "+"),
    "xrevrange": ("{key}", "+", "-"),
    "zcard": ("{key}",),
    "zcount": ("{key}", "-inf", "+inf"),
    "zrange": ("{key}", "0", "-1", "WITHSCORES"),
    "zscore": ("{key}", MEMBER),
}
WITHOUT_A_KEY = {
    "client|getname": (),
    "client|setname": ("grafana",),
    "info": (),
    "ping": (),
    "select": ("0",),
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedServer]:
    made = GuardedServer(tmp_path_factory.mktemp("acl"))
    made.server.start()
    yield made
    made.server.kill()


@pytest.fixture
def root(guarded: GuardedServer) -> Iterator[redis.Redis]:
    with guarded.client("default") as client:
        client.flushall()
        yield client


@pytest.fixture
def dashboard(guarded: GuardedServer) -> Iterator[redis.Redis]:
    with guarded.client("dashboard") as client:
        yield client


def _ask(client: redis.Redis, command: str, arguments: tuple[str, ...], key: str = "") -> Any:
    words = command.upper().replace("|", " ")
    return client.execute_command(words, *(part.format(key=key) for part in arguments))  # type: ignore[no-untyped-call]


def _sample(pattern: str) -> str:
    return glob(pattern).replace("*", "x")


@pytest.mark.parametrize("user", ["app", "dashboard"])
@pytest.mark.parametrize("password", ["", "change-me", "dashboard", "app"])
def test_the_shipped_file_lets_nobody_in(tmp_path: Path, user: str, password: str) -> None:
    server = RedisServer(tmp_path / "redis", aclfile=str(SHIPPED))
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client, pytest.raises(redis.AuthenticationError):
            client.execute_command("AUTH", user, password)
    finally:
        server.kill()


@pytest.mark.parametrize("entry", acl.readable(), ids=lambda entry: entry.pattern)
def test_every_permitted_read_works(
    root: redis.Redis, dashboard: redis.Redis, entry: Entry
) -> None:
    key = _sample(entry.pattern)
    command, *arguments = WRITES[entry.type]
    _ask(root, command, tuple(arguments), key)
    for read in (*acl.READS[entry.type], *acl.OF_ANY_KEY):
        assert _ask(dashboard, read, READS[read], key) not in (None, [], {}, 0), read


def test_every_permitted_command_is_tried() -> None:
    assert sorted({*READS, *WITHOUT_A_KEY}) == acl.commands()


@pytest.mark.parametrize("command", acl.OF_NO_KEY)
def test_what_a_dashboard_says_without_a_key_works(dashboard: redis.Redis, command: str) -> None:
    _ask(dashboard, command, WITHOUT_A_KEY[command])


@pytest.mark.parametrize("entry", acl.private(), ids=lambda entry: entry.pattern)
def test_no_private_key_is_read(root: redis.Redis, dashboard: redis.Redis, entry: Entry) -> None:
    key = _sample(entry.pattern)
    command, *arguments = WRITES[entry.type]
    _ask(root, command, tuple(arguments), key)
    for read in (*acl.READS[entry.type], *acl.OF_ANY_KEY):
        with pytest.raises(redis.exceptions.NoPermissionError):
            _ask(dashboard, read, READS[read], key)


def _all_commands(root: redis.Redis) -> dict[str, int]:
    """Every command and subcommand of the server, with how many words it wants (itself too)."""
    listed = root.execute_command("COMMAND LIST")  # type: ignore[no-untyped-call]
    names = [name.decode().lower() for name in listed]
    with redis.Redis.from_url("redis://unused") as raw:
        raw.connection_pool = root.connection_pool
        raw.set_response_callback("COMMAND INFO", lambda answer, **_: answer)
        rows = raw.execute_command("COMMAND INFO", *names)
    return {
        one[0].decode().lower(): abs(one[1])
        for row in rows
        if row
        for one in (row, *(row[9] if len(row) > 9 else ()))
    }


def test_every_other_command_is_refused(root: redis.Redis) -> None:
    arities = _all_commands(root)
    assert len(arities) > 300
    containers = {name.split("|")[0] for name in arities if "|" in name}
    allowed = set()
    for name in arities.keys() - containers:
        words = name.split("|")
        rest = [_sample("stats")] * (arities[name] - len(words))
        answer = root.execute_command("ACL DRYRUN", "dashboard", *words, *rest)  # type: ignore[no-untyped-call]
        said = answer.decode() if isinstance(answer, bytes) else str(answer)
        if "has no permissions to run" not in said:
            allowed.add(name)
    assert allowed == {*acl.commands(), *EVERYBODYS}


def test_a_write_through_a_permitted_key_is_refused(dashboard: redis.Redis) -> None:
    for command, *arguments in WRITES.values():
        with pytest.raises(redis.exceptions.NoPermissionError):
            _ask(dashboard, command, tuple(arguments), _sample("stats"))


@pytest.mark.parametrize(
    "command",
    [
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("EVAL", "return 1", "0"),
        ("CONFIG", "GET", "*"),
        ("ACL", "LIST"),
        ("SUBSCRIBE", "ringout:v1:{ringout}:wake"),
        ("MONITOR",),
        ("SHUTDOWN",),
        ("FLUSHALL",),
    ],
)
def test_what_would_show_or_break_more_is_refused(
    dashboard: redis.Redis, command: tuple[str, ...]
) -> None:
    with pytest.raises(redis.exceptions.NoPermissionError):
        dashboard.execute_command(*command)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("key", ["other", "arq:queue", "ringout:", "ringout:v2:{ringout}:stats"])
def test_the_processes_touch_no_key_of_others(guarded: GuardedServer, key: str) -> None:
    with guarded.client("app") as app, pytest.raises(redis.exceptions.NoPermissionError):
        app.set(key, "x")


@pytest.mark.parametrize(
    "command",
    [("FLUSHALL",), ("CONFIG", "SET", "save", ""), ("KEYS", "*"), ("SHUTDOWN",), ("ACL", "LIST")],
)
def test_the_processes_cannot_harm_the_server(
    guarded: GuardedServer, command: tuple[str, ...]
) -> None:
    with guarded.client("app") as app, pytest.raises(redis.exceptions.NoPermissionError):
        app.execute_command(*command)


def _documented_steps() -> str:
    page = (ROOT / "docs/dashboards.md").read_text(encoding="utf-8")
    begin = page.index("    cp deploy/redis/users.acl")
    return "\n".join(line[4:] for line in page[begin : page.index("\n\n", begin)].splitlines())


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not installed here")
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed here")
def test_the_documented_steps_let_the_users_in(tmp_path: Path) -> None:
    folder = tmp_path / "deploy/redis"
    folder.mkdir(parents=True)
    shutil.copy(SHIPPED, folder)
    script = ["sh", "-eu", "-c", _documented_steps()]
    run = subprocess.run(script, cwd=tmp_path, capture_output=True, text=True, check=True)
    passwords = dict(line.split(" ") for line in run.stdout.splitlines())
    assert set(passwords) == {"app", "dashboard"}
    server = RedisServer(tmp_path / "redis", aclfile=str(tmp_path / "users.acl"))
    server.start()
    try:
        for user, password in passwords.items():
            url = server.url.replace("redis://", f"redis://{user}:{password}@")
            with redis.Redis.from_url(url) as client:
                assert client.ping()
            assert password not in (tmp_path / "users.acl").read_text(encoding="utf-8")
    finally:
        server.kill()


AUDIT = "ringout:v1:{ringout}:audit"


@pytest.fixture
def app(guarded: GuardedServer, root: redis.Redis) -> Iterator[redis.Redis]:
    for index in range(3):
        root.xadd(AUDIT, {"at": str(index)})
    with guarded.client("app") as client:
        yield client


def test_the_processes_add_to_the_audit_stream_and_read_it(app: redis.Redis) -> None:
    entry = app.execute_command("XADD", AUDIT, "MAXLEN", "~", "1000", "*", "at", "4")  # type: ignore[no-untyped-call]
    assert app.xlen(AUDIT) == 4
    newest: Any = app.xrevrange(AUDIT, count=1)
    assert newest[0][0] == entry
    digest = app.script_load(
        "redis.call('SET', KEYS[1], 'x'); return redis.call('XADD', KEYS[2], '*', 'at', '5')"
    )
    app.execute_command("EVALSHA", digest, 2, _sample("call:<id>") + "5", AUDIT)  # type: ignore[no-untyped-call]
    assert app.xlen(AUDIT) == 5


@pytest.mark.parametrize(
    "command",
    [
        ("DEL", AUDIT),
        ("UNLINK", AUDIT),
        ("XDEL", AUDIT, "0-1"),
        ("XTRIM", AUDIT, "MAXLEN", "0"),
        ("XSETID", AUDIT, "0-1"),
        ("XGROUP", "CREATE", AUDIT, "group", "0"),
        ("SET", AUDIT, "x"),
        ("EXPIRE", AUDIT, "1"),
        ("PERSIST", AUDIT),
        ("RENAME", AUDIT, _sample("call:<id>")),
        ("RENAME", _sample("call:<id>"), AUDIT),
        ("COPY", _sample("call:<id>"), AUDIT, "REPLACE"),
        ("EVAL", f"return redis.call('DEL', '{AUDIT}')", "0"),
        ("EVAL", "return redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)", "1", AUDIT),
    ],
)
def test_the_processes_take_nothing_from_the_audit_stream(
    app: redis.Redis, root: redis.Redis, command: tuple[str, ...]
) -> None:
    root.set(_sample("call:<id>"), "x")
    with pytest.raises(
        (redis.exceptions.NoPermissionError, redis.exceptions.ResponseError)
    ) as told:
        app.execute_command(*command)  # type: ignore[no-untyped-call]
    assert re.search(MAY_NOT, str(told.value))
    assert root.xlen(AUDIT) == 3


def test_a_script_that_names_the_audit_stream_takes_nothing_from_it(
    app: redis.Redis, root: redis.Redis
) -> None:
    digest = app.script_load("return redis.call('DEL', KEYS[1])")
    with pytest.raises(redis.exceptions.ResponseError, match=MAY_NOT):
        app.execute_command("EVALSHA", digest, 1, AUDIT)  # type: ignore[no-untyped-call]
    assert root.xlen(AUDIT) == 3
