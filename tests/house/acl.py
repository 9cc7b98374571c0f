"""deploy/redis/users.acl, made from the key book: who may do what to which key.

An ACL file has no comments; docs/dashboards.md says how it is used.
"""

from orchestrator.storage.entries import Entry
from orchestrator.storage.keys import ARQ_BOOK, BOOK, PREFIX
from tests.harness.leaks import glob

DASHBOARDS = "dashboards"
"""Who may read a key, as the key book says it."""

AUDIT = "audit"
"""The stream that is only ever added to."""

READS = {
    "hash": ("hget", "hgetall", "hkeys", "hlen", "hmget"),
    "list": ("llen", "lrange"),
    "set": (),
    "sorted set": ("zcard", "zcount", "zrange", "zscore"),
    "stream": ("xinfo|stream", "xlen", "xrange", "xrevrange"),
    "string": ("get",),
}
OF_ANY_KEY = ("exists", "pttl", "ttl", "type")
OF_NO_KEY = ("client|getname", "client|setname", "info", "ping", "select")

_APP_MAY = (
    "-@all +@read +@write +@transaction +@pubsub +@scripting +@connection +@fast",
    "-@dangerous -function -randomkey -script|flush -script|kill +info",
)


def readable() -> list[Entry]:
    """The kinds of keys that dashboards may read."""
    return [entry for entry in BOOK if entry.readers == DASHBOARDS]


def private() -> list[Entry]:
    """The kinds of keys that only the processes may read."""
    return [entry for entry in (*BOOK, *ARQ_BOOK) if entry.readers != DASHBOARDS]


def commands() -> list[str]:
    """What the user `dashboard` may run; AUTH, HELLO, QUIT and RESET are everybody's."""
    types = {entry.type for entry in readable()}
    return sorted({*OF_NO_KEY, *OF_ANY_KEY, *(one for type_ in types for one in READS[type_])})


def _app_keys() -> str:
    """Every key but the audit stream, which no root permission can leave out of a wider one."""
    names = {glob(entry.pattern) for entry in (*BOOK, *ARQ_BOOK)} - {glob(AUDIT)}
    return " ".join(f"~{name}" for name in (*sorted(names), "arq:abort"))


def _audit_only_grows() -> str:
    """Selectors: the audit stream is read and added to, and scripts may name it among their keys;
    what they do to it is checked like what anyone does."""
    every = " ".join(f"~{name}" for name in (f"{PREFIX}*", "arq:*"))
    reads = " ".join(f"+{one}" for one in (*READS["stream"], *OF_ANY_KEY))
    return f"(~{glob(AUDIT)} -@all +xadd {reads}) ({every} -@all +evalsha)"


def page() -> str:
    """The whole file. Nobody can log in with it: neither user has a password."""
    app = f"{_app_keys()} &{PREFIX}* {' '.join(_APP_MAY)} {_audit_only_grows()}"
    patterns = " ".join(sorted(f"%R~{glob(entry.pattern)}" for entry in readable()))
    allowed = " ".join(f"+{command}" for command in commands())
    return (
        f"user app on resetpass resetkeys resetchannels {app}\n"
        f"user dashboard on resetpass resetkeys resetchannels {patterns} -@all {allowed}\n"
    )
