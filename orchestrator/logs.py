"""Log lines: one event each, JSON for machines, colour for a terminal, no number, no secret."""

import logging
import re
import sys
from typing import Any

import structlog

from orchestrator.domain import phones

_SECRET = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_TOKEN = re.compile(
    r"\b(?:(ringout_(?:live|at|rt|cs)_|whsec_)[A-Za-z0-9_+/=]{8,}"
    r"|(eyJ)[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*)?)"
)
"""API keys and what is given out for them, signing secrets, and JWTs wherever they stand."""
_OURS = ("orchestrator", "workers", "simulator")
"""Of libraries warnings are written and no more: at other levels they repeat what they carry."""
_KEPT = frozenset({"timestamp", "level", "logger"})
_OF_OTHERS = frozenset({"exception", "stack", "host"})
"""What libraries and clients have worded: a number may stand there in any form."""


def _scrub(_: Any, __: str, event: dict[str, Any]) -> dict[str, Any]:
    is_ours = str(event.get("logger", "")).partition(".")[0] in _OURS
    return {
        name: _scrubbed(value, is_ours=is_ours and name not in _OF_OTHERS)
        if name not in _KEPT and isinstance(value, str)
        else value
        for name, value in event.items()
    }


def _scrubbed(text: str, *, is_ours: bool) -> str:
    """In what we say ourselves a number has its +, and other figures are worth reading."""
    scrub = phones.scrubbed_e164 if is_ours else phones.scrubbed
    bare = _SECRET.sub(r"\1 ***", scrub(text))
    return _TOKEN.sub(lambda match: f"{match.group(1) or match.group(2)}***", bare)


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
    structlog.processors.format_exc_info,
    structlog.processors.UnicodeDecoder(),
    _scrub,
]


def configure(level: str, style: str) -> None:
    """Sends structlog and the standard library's logging to stderr, the same way.

    `style` is auto, json or console; `level` is debug, info, warning or error.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(style))
    root = logging.getLogger()
    root.handlers = [handler]
    wanted = logging.getLevelNamesMapping()[level.upper()]
    root.setLevel(max(wanted, logging.WARNING))
    for name in _OURS:
        logging.getLogger(name).setLevel(wanted)


def _formatter(style: str) -> logging.Formatter:
    is_console = style == "console" or (style == "auto" and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if is_console else structlog.processors.JSONRenderer()
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
