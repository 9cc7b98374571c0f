"""How this machine reaches what listens on an address of it."""

import ipaddress
import re

AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9a-f:.]{2,45})\]|(?P<name>[a-z0-9_.-]{1,255}))(?::(?P<port>\d{1,5}))?",
    re.ASCII,
)
"""What a client may call a host, and perhaps its port, in small letters."""


def reachable(host: str) -> str:
    """An address under which this machine reaches what listens on `host`: loopback for any."""
    try:
        address = ipaddress.ip_address(host or "::")
    except ValueError:
        return host
    if not address.is_unspecified:
        return host
    return "127.0.0.1" if address.version == 4 else "::1"


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def authority(host: str, port: int) -> str:
    """Host and port as in a URL."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
