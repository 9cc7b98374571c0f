"""How this machine reaches what listens on an address of it."""

import ipaddress


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
