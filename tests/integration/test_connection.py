"""The way to Redis: Sentinel, a full server, a password."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis.asyncio import Redis

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.jobs import follow_ups
from orchestrator.runtime import now
from orchestrator.storage.admission import Idempotency
from orchestrator.storage.calls import CallStore, StoreOptions
from orchestrator.storage.connection import FRONT_END, WORKER, Commands, connect, disconnect
from tests.harness.redis import RedisServer, binary, free_port
from tests.harness.waiting import wait_until
from tests.integration.test_store import REQUEST, new


@pytest.fixture
def sentinel(own_redis: RedisServer, tmp_path: Path) -> Iterator[int]:
    """A Sentinel that watches `own_redis` under the name of main-redis; its port."""
    port = free_port()
    configuration = tmp_path / "sentinel.conf"
    configuration.write_text(
        f"port {port}\nsentinel monitor main-redis 127.0.0.1 {own_redis.port} 1\n"
    )
    process = subprocess.Popen(
        [binary(), str(configuration), "--sentinel"], stdout=subprocess.DEVNULL
    )
    yield port
    process.kill()
    process.wait(10)


async def test_a_master_is_found_through_sentinel(own_redis: RedisServer, sentinel: int) -> None:
    client = connect("redis://main-redis/0", WORKER, [("127.0.0.1", sentinel)])
    commands = Commands(client, replace(WORKER, deadline=5))

    async def answers() -> bool:
        try:
            return bool(await commands.execute("PING"))
        except StorageUnavailable:
            return False

    await wait_until(answers)
    await commands.execute("SET", "through", "sentinel", "EX", 60)
    direct = Redis.from_url(own_redis.url)
    assert await direct.get("through") == b"sentinel"
    await direct.aclose()
    await disconnect(client)


@pytest.fixture
async def direct(own_redis: RedisServer) -> AsyncIterator[Redis]:
    client = connect(own_redis.url, FRONT_END)
    yield client
    await disconnect(client)


async def test_a_full_server_is_unavailable_and_nothing_is_half_written(direct: Redis) -> None:
    store = CallStore(Commands(direct, FRONT_END), now, follow_ups(), StoreOptions())
    await store.accept(new(1), REQUEST)
    before = sorted(await direct.keys("*"))
    await direct.config_set("maxmemory", 1)
    with pytest.raises(StorageUnavailable):
        await store.accept(new(2), REQUEST, Idempotency("k", "f"))
    await direct.config_set("maxmemory", 0)
    assert sorted(await direct.keys("*")) == before
    await store.accept(new(2), REQUEST)


async def test_a_wrong_password_is_unavailable_not_a_crash(
    own_redis: RedisServer, direct: Redis
) -> None:
    await direct.config_set("requirepass", "right")
    client = connect(own_redis.url.replace("redis://", "redis://:wrong@"), FRONT_END)
    with pytest.raises(StorageUnavailable):
        await Commands(client, FRONT_END).execute("PING")
    await disconnect(client)


@pytest.fixture
def socket_path(tmp_path: Path) -> Iterator[Path]:
    """The socket of a server that listens nowhere else."""
    path = tmp_path / "s"
    flags = ["--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen([binary(), *flags], stdout=subprocess.DEVNULL)
    yield path
    process.kill()
    process.wait(10)


async def test_a_unix_socket_will_do(socket_path: Path) -> None:
    await wait_until(socket_path.exists)
    client = connect(f"unix://{socket_path}", WORKER)
    assert await Commands(client, WORKER).execute("PING")
    await disconnect(client)


@pytest.mark.parametrize("answers", [True, False])
async def test_nothing_is_on_its_way_once_settled(own_redis: RedisServer, *, answers: bool) -> None:
    client = connect(own_redis.url, FRONT_END)
    commands = Commands(client, replace(FRONT_END, deadline=5 if answers else 0.05))
    own_redis.freeze()
    asked = asyncio.create_task(commands.execute("PING"))
    await wait_until(lambda: len(asyncio.all_tasks()) == 3)
    asked.cancel()

    settling = asyncio.create_task(commands.settled())
    await asyncio.wait((asked,))
    if answers:
        own_redis.thaw()
    await settling

    assert asyncio.all_tasks() == {asyncio.current_task()}
    own_redis.thaw()
    await disconnect(client)


async def test_once_all_is_settled_nothing_is_sent_any_more(direct: Redis) -> None:
    commands = Commands(direct, FRONT_END)
    asked = asyncio.create_task(commands.execute("SET", "before", "1", "EX", 60))
    await asyncio.sleep(0)

    await commands.settled()

    assert await asked
    with pytest.raises(StorageUnavailable):
        await commands.execute("SET", "after", "1", "EX", 60)
    assert await direct.exists("before", "after") == 1
