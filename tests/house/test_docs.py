"""The documents agree with the code, and with each other."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.domain.events import EventType
from orchestrator.domain.words import CancelOutcome, Outcome, State
from orchestrator.storage.call_book import EVENT_FIELDS
from orchestrator.storage.keys import EVENTS
from tests.house import transitions
from tests.house.pages import PAGES, ROOT

_LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")
_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]*) \|", re.MULTILINE)
_TEXTS = (".md", ".py", ".lua", ".toml", ".yml", ".conf", ".lock", ".json", ".html", ".js", "")
_LEFT_OUT = {".cache", ".venv", ".git", ".hypothesis", "node_modules", "__pycache__"}

FORBIDDEN = {
    "a package registry's host": r"\b(py[p]i\.org|pythonhos[t]ed|npm[j]s\.org|crates\.i[o])",
    "an index's address": r"index-url[ =]+http",
    "a path of one machine": r"/wor[k]/(main|shared)",
    "a number of an issue": r"\bissu[e] #?[0-9]+\b",
}
"""What must not stand in the tree; each pattern is written so that it does not match itself."""


def _documents() -> list[Path]:
    folders = (ROOT / folder for folder in ("docs", "examples"))
    return [
        *sorted(ROOT.glob("*.md")),
        *(path for folder in folders for path in sorted(folder.rglob("*.md"))),
    ]


def _read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def _section(page: str, title: str) -> str:
    return _read(page).split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_made_from_the_code_is_current(page: str) -> None:
    made: Callable[[], str] = PAGES[page]
    assert _read(page) == made(), "`make docs` writes it anew"


@pytest.mark.parametrize("document", _documents(), ids=lambda path: path.name)
def test_a_link_leads_somewhere(document: Path) -> None:
    links = _LINK.findall(document.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_every_state_outcome_and_event_is_explained() -> None:
    page = "docs/call-lifecycle.md"
    states = [name for name, _ in _ROW.findall(_section(page, "States"))]
    outcomes = [name for name, _ in _ROW.findall(_section(page, "Outcomes"))]
    cancels = [name for name, _ in _ROW.findall(_section(page, "Cancelling"))]
    assert states == list(State)
    assert outcomes == list(Outcome)
    assert cancels == list(CancelOutcome)


def test_every_move_is_explained_and_no_other() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| `(\w+)` \|",
        _section("docs/call-lifecycle.md", "What moves a call on"),
        re.MULTILINE,
    )
    assert {(State(before), State(after)) for before, after in rows} == transitions.possible()


def test_the_events_page_names_every_field_and_type() -> None:
    rows = [name for name, _ in _ROW.findall(_read("docs/events.md"))]
    assert rows == [*(name for name, _ in EVENT_FIELDS), *EventType]
    assert EVENTS in _read("docs/events.md")


def test_the_readme_names_only_commands_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z]+):", _read("Makefile"), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md"):
        assert set(re.findall(r"(?:`|^ +)make ([a-z]+)", _read(document), re.MULTILINE)) <= targets
    first, second = re.findall(r"^    make (\w+)", _read("README.md"), re.MULTILINE)[:2]
    assert (first, second) == ("run", "test")


def test_the_changelog_says_what_is_unreleased() -> None:
    assert re.search(r"^## \[?Unreleased\]?", _read("CHANGELOG.md"), re.MULTILINE)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_tree_does_not_name(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what], re.IGNORECASE)
    found = []
    for path in ROOT.rglob("*"):
        inside = path.relative_to(ROOT)
        is_ours = not _LEFT_OUT & set(inside.parts) and not inside.parts[0].endswith("_cache")
        if is_ours and path.is_file() and path.suffix in _TEXTS:
            text = path.read_text(encoding="utf-8", errors="ignore")
            found += [f"{inside}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []
