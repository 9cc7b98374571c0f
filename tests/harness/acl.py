"""A server with the product's own users, each with a password of the test's."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis

from tests.harness.processes import ROOT
from tests.harness.redis import RedisServer

SHIPPED = ROOT / "deploy/redis/users.acl"
PASSWORDS = {"app": "app-password", "dashboard": "dashboard-password", "default": "root-password"}


class GuardedServer:
    """A server that nobody enters without a password."""

    def __init__(self, folder: Path) -> None:
        rules = SHIPPED.read_text(encoding="utf-8")
        for user in ("app", "dashboard"):
            begin = f"user {user} on resetpass"
            assert begin in rules
            rules = rules.replace(begin, f"{begin} >{PASSWORDS[user]}")
        file = folder / "users.acl"
        file.write_text(f"{rules}user default on >{PASSWORDS['default']} ~* &* +@all\n")
        self.server = RedisServer(folder / "guarded", aclfile=str(file))

    def url(self, user: str) -> str:
        """The server's address for a user."""
        return self.server.url.replace("redis://", f"redis://{user}:{PASSWORDS[user]}@")

    def client(self, user: str) -> redis.Redis:
        """A client that is logged in, to be closed."""
        return redis.Redis.from_url(self.url(user))


@contextmanager
def guarded_server(folder: Path) -> Iterator[GuardedServer]:
    """One that runs until the end of the block."""
    made = GuardedServer(folder)
    made.server.start()
    try:
        yield made
    finally:
        made.server.kill()
