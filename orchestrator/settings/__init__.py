"""What the processes are told by their environment; refused when it is unknown or malformed."""

from orchestrator.settings.loading import (
    OURS,
    SIMULATORS,
    ConfigurationError,
    configured_credentials,
    contents,
    from_document,
    load,
    require_credentials,
)
from orchestrator.settings.model import Settings

__all__ = [
    "OURS",
    "SIMULATORS",
    "ConfigurationError",
    "Settings",
    "configured_credentials",
    "contents",
    "from_document",
    "load",
    "require_credentials",
]
