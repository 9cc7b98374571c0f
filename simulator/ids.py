"""Ids in RingCentral's formats, distinct over restarts of the simulator."""

import base64
import secrets
import time
import zlib


class Ids:
    """Gives out ids; each run has a mark of its own in them."""

    def __init__(self) -> None:
        self._mark = secrets.token_hex(4)
        self._serial = int(time.time() * 1000) * 1000

    def new(self, mode: str) -> str:
        """An opaque id: `s-…`, base64url of `cs<digits>@<ip>`, or an integer's digits."""
        self._serial += 1
        if mode == "integer":
            return str(self._serial)
        if mode == "base64":
            text = f"cs{self._serial}@10.62.29.33"
            return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
        return f"s-a{self._serial:013x}z{self._mark}"

    def session(self) -> str:
        """A legacy session id: digits."""
        self._serial += 1
        return str(self._serial)


def fraction(seed: int, name: str, number: int) -> float:
    """A number in [0, 1) that is always the same for the same three."""
    return zlib.crc32(f"{seed}:{name}:{number}".encode()) / 2**32
