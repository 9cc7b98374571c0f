"""The pages that are made from the code: `make docs` writes them, a test compares them.

docs/settings.md and .env.example from the settings, docs/redis-schema.md and
deploy/redis/users.acl from the key book.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from orchestrator.settings import Settings
from orchestrator.storage.entries import Entry
from orchestrator.storage.keys import ARQ_BOOK, BOOK, PREFIX, WAKE
from simulator.settings import PREFIX as SIMULATORS
from simulator.settings import SimulatorSettings
from tests.house import acl

ROOT = Path(__file__).resolve().parents[2]

_SETTINGS_HEAD = """\
# Settings

Every process is configured by its environment alone. A variable that begins with `RINGOUT_` and is
not on this page, or whose value is not understood, is refused: the process exits with code 2 and
one line that names it. A variable that is set to nothing counts as not set. Times are seconds.

`ringout rest`, `mcp` and `worker` need a credential: `RINGCENTRAL_API_KEY`, or all three of
`RC_APP_CLIENT_ID`, `RC_APP_CLIENT_SECRET` and `RC_USER_JWT`; where both are given, the key is used.
`ringout up` simulates RingCentral where none of these and no `RC_SERVER_URL` is set, and starts a
server of its own where `REDIS_URL` is not set. It shows warnings only, unless `RINGOUT_LOG_LEVEL`
says otherwise, and takes 0 as a port for any that is free.

"""

_SIMULATOR_HEAD = """
## The simulator

`ringout simulator` reads these and no others. `POST /__sim/settings` changes many more while it
runs; `GET /__sim/settings` lists them.

"""

_SCHEMA_HEAD = f"""\
# Redis schema

Dashboards may read Redis directly, so its keys are an interface: version 1, which is the `v1` in
every key. Fields are flat, times in fields are RFC 3339 in UTC, scores are milliseconds since the
epoch, and phone numbers are masked in all that a dashboard may read. Fields may be added within a
version; none is renamed, removed or given another meaning.

Every key begins with `{PREFIX}` (left out below) but for the few whose names arq
fixes. All carry the hash tag `{{ringout}}`, so that every script is legal on a cluster.

A key has a time to live, or is one of those marked *stays*, whose growth is bounded as the note
says. `processes only` means that the form may change at any time and may hold what nobody else
should see: `request:<id>` has full phone numbers.

The channel `{WAKE}` carries a message when a job was written; it stores nothing.

"""


def settings_page() -> str:
    """docs/settings.md."""
    rows = ((_name(field), field) for field in Settings.model_fields.values())
    simulators = (
        (f"{SIMULATORS}{name.upper()}", field)
        for name, field in SimulatorSettings.model_fields.items()
        if name != "tuning"
    )
    return _SETTINGS_HEAD + _table(rows) + _SIMULATOR_HEAD + _table(simulators)


def environment_example() -> str:
    """.env.example."""
    head = (
        "# Copy this to .env and set what differs. docker compose reads it by itself; a shell, by\n"
        "#   set -a; . ./.env; set +a\n"
    )
    blocks = [
        f"\n# {field.description}\n#{_name(field)}={_default(field)}\n"
        for field in Settings.model_fields.values()
    ]
    return head + "".join(blocks)


def redis_schema() -> str:
    """docs/redis-schema.md."""
    keys = "".join(_row(entry) for entry in (*BOOK, *ARQ_BOOK))
    table = f"| Key | Type | What | Lives | Read by |\n|---|---|---|---|---|\n{keys}"
    return _SCHEMA_HEAD + table + "".join(_fields(entry) for entry in BOOK if entry.fields)


PAGES = {
    "docs/settings.md": settings_page,
    "docs/redis-schema.md": redis_schema,
    ".env.example": environment_example,
    "deploy/redis/users.acl": acl.page,
}


def _name(field: FieldInfo) -> str:
    return str(field.alias)


def _default(field: FieldInfo) -> str:
    return "" if field.default is None else str(field.default)


def _table(rows: Iterable[tuple[str, FieldInfo]]) -> str:
    lines = [
        f"| `{name}` | {_shown_default(field)} | {_with_bounds(field)} |\n" for name, field in rows
    ]
    return "| Variable | Default | Meaning |\n|---|---|---|\n" + "".join(lines)


def _shown_default(field: FieldInfo) -> str:
    value = field.default.get_secret_value() if _is_secret(field) else _default(field)
    return f"`{value}`" if value else "-"


def _is_secret(field: FieldInfo) -> bool:
    return isinstance(field.default, SecretStr)


def _with_bounds(field: FieldInfo) -> str:
    meaning = (field.description or "").rstrip(".")
    bounds = [text for item in field.metadata for text in _bounds(item)]
    if get_origin(field.annotation) is Literal:
        bounds = ["one of " + ", ".join(f"`{word}`" for word in get_args(field.annotation))]
    return f"{meaning} ({', '.join(bounds)})." if bounds else f"{meaning}."


def _bounds(item: Any) -> list[str]:
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    return [
        f"{word} {getattr(item, name):,}" for name, word in words.items() if hasattr(item, name)
    ]


def _row(entry: Entry) -> str:
    lives = entry.ttl or f"*stays*: {entry.note}"
    what = f"{entry.what}; {entry.note}" if entry.note and entry.ttl else entry.what
    cells = (f"`{entry.pattern}`", entry.type, what, lives, entry.readers)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _fields(entry: Entry) -> str:
    rows = "".join(f"| `{name}` | {what} |\n" for name, what in entry.fields)
    return f"\n## Fields of `{entry.pattern}`\n\n| Field | What |\n|---|---|\n{rows}"


def write() -> None:
    """Writes all of them anew."""
    for path, made in PAGES.items():
        (ROOT / path).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    write()
