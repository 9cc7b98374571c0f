"""How a command ends when it does not end well."""

FAILED = 1
WRONG = 2
"""Wrong usage, or a wrong configuration."""


class Ended(Exception):
    """Ends the command: `reason`, one line, goes to stderr; `code` is the exit code."""

    def __init__(self, reason: str, code: int = FAILED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
