"""No full number and no secret reaches a line, whoever writes it and however."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from orchestrator.logs import configure

NUMBER = "+16505550123"
SECRET = "Bearer abcdef0123456789"


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logging.getLogger(name).level for name in ("orchestrator", "workers", "simulator")
    }
    yield
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("_as_it_was")
def test_numbers_and_secrets_are_masked_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    log = structlog.get_logger("orchestrator.x")
    log.info("dialled", to=NUMBER, header=SECRET, path="/a?to=%2B16505550123")
    logging.getLogger("library").warning("to %s with %s", NUMBER, SECRET)
    try:
        int(f"bad {NUMBER} {SECRET}")
    except ValueError:
        log.exception("failed")
    out = capsys.readouterr().err
    assert "16505550123" not in out
    assert "abcdef0123456789" not in out
    lines = [json.loads(line) for line in out.splitlines()]
    assert lines[0]["to"] == "+16*****0123"
    assert "ValueError" in lines[2]["exception"]


@pytest.mark.usefixtures("_as_it_was")
def test_what_others_have_worded_is_masked_in_any_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    log = structlog.get_logger("workers.x")
    log.info("tried", host="16505550123.example:8443", size=7654321, after="1234567 ms")
    log.info("tried", host="127.0.0.1:54321")
    try:
        int("Unknown prompt: 1 650 555-0123")
    except ValueError:
        log.exception("failed")
        logging.getLogger("mcp.server").exception("handler for 16505550123 raised")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert lines[0]["host"] == "165****0123.example:8443"
    assert (lines[0]["size"], lines[0]["after"]) == (7654321, "1234567 ms")
    assert lines[1]["host"] == "127.0.0.1:54321"
    assert "Unknown prompt: 165****0123" in lines[2]["exception"]
    assert lines[3]["event"] == "handler for 165****0123 raised"
    assert "Unknown prompt: 165****0123" in lines[3]["exception"]


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize(("level", "written"), [("debug", ["a", "b", "d"]), ("error", [])])
def test_of_libraries_only_warnings_are_written(
    capsys: pytest.CaptureFixture[str], level: str, written: list[str]
) -> None:
    configure(level, "json")
    logging.getLogger("workers.x").debug("a")
    structlog.get_logger("orchestrator.x").debug("b")
    logging.getLogger("sse_starlette.sse").debug("c")
    logging.getLogger("sse_starlette.sse").info("c")
    logging.getLogger("sse_starlette.sse").warning("d")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == written


@pytest.mark.usefixtures("_as_it_was")
def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning", "json")
    structlog.get_logger("orchestrator.x").info("quiet")
    structlog.get_logger("orchestrator.x").warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


@pytest.mark.usefixtures("_as_it_was")
@pytest.mark.parametrize(
    ("secret", "kept"),
    [
        ("ringout_live_abcdef012345_" + "Xy3" * 11, "ringout_live_***"),
        ("ringout_at_abcdef012345_0123456789abcdef_" + "Xy3" * 11, "ringout_at_***"),
        ("ringout_rt_abcdef012345_0123456789abcdef_" + "Xy3" * 11, "ringout_rt_***"),
        ("eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl", "eyJ***"),
        ("whsec_" + "c2VjcmV0" * 4, "whsec_***"),
    ],
)
def test_keys_and_tokens_are_no_part_of_a_line(
    capsys: pytest.CaptureFixture[str], secret: str, kept: str
) -> None:
    configure("info", "json")
    structlog.get_logger("orchestrator.x").info(
        "asked", header=f"key={secret}", url=f"/?t={secret}&x=1"
    )
    try:
        int(secret)
    except ValueError:
        logging.getLogger("library").exception("with %s", secret)
    out = capsys.readouterr().err
    assert secret[-12:] not in out
    assert out.count(kept) >= 4
