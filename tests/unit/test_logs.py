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
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.usefixtures("_as_it_was")
def test_numbers_and_secrets_are_masked_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    configure("info", "json")
    log = structlog.get_logger("x")
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
def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure("warning", "json")
    structlog.get_logger("x").info("quiet")
    structlog.get_logger("x").warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]
