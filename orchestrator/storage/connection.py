"""The way to Redis: a pool that gives up in time, and commands sent together.

redis-py costs 100 to 150 microseconds of processor time for every awaited command, whatever the
command does. So what is asked for while a flush is under way leaves as one pipeline: under load a
process pays for a round trip, not for a command; idle, nothing waits.

Every script may be sent twice without harm, since a connection that breaks after the script has
run looks the same as one that breaks before. That is why the pool may retry.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import hiredis
import structlog
from redis.asyncio import ConnectionPool, Redis, Sentinel
from redis.asyncio.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from orchestrator.domain.errors import StorageUnavailable
from orchestrator.storage.scripts import ALL, Script

AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
"""What redis-py raises when the server is not there: a plain ConnectionError is not all of it."""

_MOST_IN_A_PIPELINE = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process waits for Redis. Times are seconds; `deadline` bounds one command."""

    connect: float
    answer: float
    retries: int
    deadline: float


class NotPermitted(StorageUnavailable):
    """The server is well, and its user may not do this: what is asked for may be another's."""


FRONT_END = Patience(connect=0.7, answer=0.7, retries=1, deadline=1.6)
"""A client is waiting: say 503 within two seconds."""

WORKER = Patience(connect=2.0, answer=5.0, retries=3, deadline=20.0)
"""An answer of RingCentral's may be waiting to be written down."""


class _PacksInC:
    """redis-py's asyncio connections pack commands in Python, a third of a front end's time."""

    def pack_command(self, *args: Any) -> list[bytes]:
        name = args[0]
        if isinstance(name, str) and " " in name:
            args = (*name.split(), *args[1:])
        return [hiredis.pack_command(args)]


class _Connection(_PacksInC, Connection):
    pass


class _SSLConnection(_PacksInC, SSLConnection):
    pass


class _SocketConnection(_PacksInC, UnixDomainSocketConnection):
    pass


_CLASSES = {"rediss": _SSLConnection, "unix": _SocketConnection}


def connect(url: str, patience: Patience, sentinels: Sequence[tuple[str, int]] = ()) -> Redis:
    """A client for `url`; with sentinels, the URL's host names the monitored master."""
    options: dict[str, Any] = {
        "socket_connect_timeout": patience.connect,
        "socket_timeout": patience.answer,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.02), patience.retries),
        "retry_on_error": list(AWAY),
        "max_connections": 256,
    }
    if urlsplit(url).scheme != "unix":
        options["socket_keepalive"] = True
    pool: ConnectionPool = ConnectionPool.from_url(url, **options)
    if not sentinels:
        pool.connection_class = _CLASSES.get(urlsplit(url).scheme, _Connection)
        return Redis.from_pool(pool)
    known = pool.connection_kwargs
    service = known.pop("host")
    known.pop("port", None)
    watch = Sentinel(list(sentinels), sentinel_kwargs=options)  # type: ignore[no-untyped-call]
    master: Redis = watch.master_for(service, **known)
    return master


async def disconnect(client: Redis) -> None:
    """Closes what `connect` opened, the ways to the Sentinels included."""
    await client.aclose()
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        await pool.disconnect()
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


class WrongType(StorageUnavailable):
    """One key is of another type than it should be: the server is well, and others can be read."""


class Commands:
    """Sends commands, those of the same moment as one pipeline.

    Every call raises StorageUnavailable (with `retry_after` in seconds) when Redis does not
    answer within the patience given; what had not left by then is not sent any more. WrongType,
    which is one too, where a key is of another type than the command is for.
    """

    def __init__(self, redis: Redis, patience: Patience) -> None:
        self.redis = redis
        self._deadline = patience.deadline
        self._waiting: deque[tuple[tuple[Any, ...], asyncio.Future[Any]]] = deque()
        self._flush: asyncio.Task[None] | None = None
        self._is_over = False
        self._not_permitted: set[str] = set()

    async def execute(self, *command: Any) -> Any:
        """The server's answer to one command; NoScriptError where it does not know a script,
        NotPermitted where the user may not ask for that."""
        if self._is_over:
            raise StorageUnavailable("Redis is asked for nothing any more.", retry_after=1)
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, answer))
        if self._flush is None or self._flush.done():
            self._flush = loop.create_task(self._send_waiting())
        try:
            async with asyncio.timeout(self._deadline):
                return await answer
        except (*AWAY, TimeoutError) as error:
            raise StorageUnavailable("Redis did not answer in time.", retry_after=1) from error
        except NoScriptError:
            raise
        except NoPermissionError as error:
            self._note_not_permitted(str(command[0]))
            raise NotPermitted("Redis does not permit this.", retry_after=5) from error
        except ResponseError as error:
            # Full, read-only, busy, without its replicas: a script's first write is refused then,
            # so that nothing is half-written.
            word = str(error).partition(" ")[0]
            log.warning("redis_refused", word=word)
            if word == "WRONGTYPE":
                raise WrongType("A key in Redis is of another type.", retry_after=5) from error
            raise StorageUnavailable("Redis cannot serve now.", retry_after=5) from error

    def _note_not_permitted(self, name: str) -> None:
        """Each command once: one that goes through all keys may meet many that are another's."""
        if name not in self._not_permitted:
            self._not_permitted.add(name)
            log.warning("redis_refused", word="NOPERM", command=name)

    async def run(self, script: Script, keys: Sequence[str], *args: Any) -> Any:
        """The answer of a script; a server that does not know it (yet) is taught."""
        command = (script.digest, len(keys), *keys, *args)
        try:
            return await self.execute("EVALSHA", *command)
        except NoScriptError:
            for known in ALL:
                await self.execute("SCRIPT", "LOAD", known.text)
            return await self.execute("EVALSHA", *command)

    async def settled(self) -> None:
        """Returns once nothing is on its way any more, nor will be; what still is when the patience
        has ended is given up. A connection that is made later would outlive its pool."""
        self._is_over = True
        if self._flush is not None:
            _, late = await asyncio.wait((self._flush,), timeout=self._deadline)
            if late:
                self._flush.cancel()
                await asyncio.wait(late)

    async def _send_waiting(self) -> None:
        while self._waiting:
            batch = [
                self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST_IN_A_PIPELINE))
            ]
            wanted = [(command, answer) for command, answer in batch if not answer.done()]
            if wanted:
                await self._send(wanted)

    async def _send(self, wanted: list[tuple[tuple[Any, ...], asyncio.Future[Any]]]) -> None:
        results: Sequence[Any]
        try:
            if len(wanted) == 1:
                command = wanted[0][0]
                results = [await self.redis.execute_command(*command)]  # type: ignore[no-untyped-call]
            else:
                pipeline = self.redis.pipeline(transaction=False)
                for command, _ in wanted:
                    pipeline.execute_command(*command)
                results = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError) as error:
            results = [error] * len(wanted)
        for (_, answer), result in zip(wanted, results, strict=True):
            if answer.done():
                continue
            if isinstance(result, Exception):
                answer.set_exception(result)
            else:
                answer.set_result(result)
