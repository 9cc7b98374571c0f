"""Where a webhook may be sent to.

A URL says little: its name may lead anywhere, and elsewhere a moment later. So the address itself
is judged, when the connection to it is made, and a URL is only held to its form before.
"""

import ipaddress
import re
import socket
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

from orchestrator.domain import phones

Targets = Literal["public", "private", "any"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_URL = 2_048
_NOT_IN_A_URL = re.compile(r"[\x00-\x20\x7f-\x9f\\]")


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""Allowed with `private`: inside one's own network, carrier-grade NAT included."""

_METADATA = _networks("100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::/32", "fd20:ce::/32")
"""Where clouds answer with credentials, inside ranges that `private` allows or that look public."""

_NEVER_PUBLIC = _networks(
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32",
    "::/96",
    "::ffff:0:0/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)
"""Loopback, link-local, documentation, multicast, reserved, and every range whose addresses wrap
an IPv4 address that a router may unwrap (mapped, translated, NAT64, 6to4, Teredo)."""


_ROUTED = ipaddress.IPv6Network("2000::/3")
"""What of IPv6 is given out to be routed; the rest that is not named above is nobody's."""


class TargetRefused(OSError):
    """The address that a name led to is none to send a webhook to."""


def is_allowed(address: str, targets: Targets) -> bool:
    """Whether a webhook may be sent to an IP address; False for what is not one."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if targets == "any":
        return True
    if _is_in(known, _METADATA) or _is_in(known, _NEVER_PUBLIC):
        return False
    if _is_in(known, _PRIVATE):
        return targets == "private"
    return known.is_global and (known.version == 4 or known in _ROUTED)


def _is_in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def guarded(targets: Targets) -> Callable[[Any], socket.socket]:
    """A socket factory that makes none for an address that is not allowed: TargetRefused.

    It is asked with the very address that is connected to, after names were resolved.
    """

    def open_socket(found: Any) -> socket.socket:
        family, kind, protocol, _, address = found
        if not is_allowed(str(address[0]), targets):
            raise TargetRefused("this address is not allowed")
        return socket.socket(family=family, type=kind, proto=protocol)

    return open_socket


def checked_url(url: str, targets: Targets) -> str:
    """The URL, if it has the form of one that can be sent to; ValueError that says what is right.

    Where a name leads is judged with every connection, not here.
    """
    if len(url) > LONGEST_URL:
        raise ValueError(f"must not have more than {LONGEST_URL} characters")
    schemes = ("https",) if targets == "public" else ("https", "http")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be a well-formed URL") from None
    if _NOT_IN_A_URL.search(url) or parts.scheme not in schemes or not host:
        raise ValueError(f"must be an {' or '.join(schemes)} URL")
    if not url.isascii():
        raise ValueError(
            "must be in ASCII: percent-encode the path, and write the host in punycode"
        )
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a user or a password")
    if "#" in url:
        raise ValueError("must not have a fragment")
    if port == 0:
        raise ValueError("must have a port above 0, or none")
    _check_host(host, targets)
    return url


def _check_host(host: str, targets: Targets) -> None:
    is_literal = ":" in host or re.fullmatch(r"[0-9.]+", host) is not None
    if is_literal and not is_allowed(host, targets):
        raise ValueError("must not name an address that is not allowed (RINGOUT_WEBHOOK_TARGETS)")
    if not is_literal and not re.fullmatch(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?", host):
        raise ValueError("must name a host")


def shown_host(url: str) -> str:
    """The URL's host, with its port where it names one and without a number that its name holds:
    what may be logged and shown to anyone."""
    parts = urlsplit(url)
    name = parts.hostname or ""
    host = f"[{name}]" if ":" in name else phones.scrubbed(name)
    return host if parts.port is None else f"{host}:{parts.port}"
