"""Who a client is and by which name it asks, where a proxy may stand between."""

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.settings.addresses import AUTHORITY

_DEFAULT_PORTS = {"http": 80, "https": 443}

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_BEFORE_IPV4 = 96
"""So many bits stand before an IPv4 address that is written as IPv6 maps it."""


@dataclass(frozen=True, slots=True)
class Authority:
    """A host, in small letters and without brackets, and its port where one is given."""

    host: str
    port: int | None = None

    @property
    def is_address(self) -> bool:
        """Whether the host is an IP address, not a name that somebody's DNS could turn."""
        return _address(self.host) is not None


def authority(text: str) -> Authority | None:
    """What a Host header or the middle of a URL names; None where that is no host."""
    match = AUTHORITY.fullmatch(text.lower())
    if match is None:
        return None
    host, port = match["six"] or match["name"], match["port"]
    if match["six"] is not None and _address(host) is None:
        return None
    if port is not None and int(port) > 65_535:
        return None
    return Authority(host.removesuffix("."), None if port is None else int(port))


def origin(scheme: str, at: Authority) -> str:
    """The origin of pages there, as a browser writes it."""
    host = f"[{at.host}]" if ":" in at.host else at.host
    is_default = at.port in (None, _DEFAULT_PORTS[scheme])
    return f"{scheme}://{host}" if is_default else f"{scheme}://{host}:{at.port}"


def origin_of(url: str) -> str | None:
    """The origin of a URL; None for anything but http and https."""
    scheme, mark, rest = url.partition("://")
    at = authority(rest.partition("/")[0])
    if not mark or at is None or scheme.lower() not in _DEFAULT_PORTS:
        return None
    return origin(scheme.lower(), at)


class Proxies:
    """The proxies whose word is taken for who asks, and whether over TLS."""

    def __init__(self, networks: str = "") -> None:
        """Addresses or networks, comma-separated."""
        self._networks = [_network(each) for each in networks.split(",") if each]

    def _trusts(self, address: _Address | None) -> bool:
        return address is not None and any(address in each for each in self._networks)

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """The address of who asks: the nearest one in the X-Forwarded-For headers that is not a
        trusted proxy, where the peer is one; else the peer."""
        nearest = _address(peer)
        if not self._trusts(nearest):
            return peer if nearest is None else str(nearest)
        for entry in reversed(_entries(forwarded)):
            further = _address(_without_port(entry))
            if further is None:
                break
            nearest = further
            if not self._trusts(nearest):
                break
        return str(nearest)

    def is_https(self, peer: str, forwarded: Sequence[str], *, is_tls: bool) -> bool:
        """Whether the client speaks TLS: with us, or with a trusted proxy by its
        X-Forwarded-Proto."""
        if is_tls or not self._trusts(_address(peer)):
            return is_tls
        entries = _entries(forwarded)
        return bool(entries) and entries[-1].lower() == "https"


def _entries(headers: Iterable[str]) -> list[str]:
    return [part.strip() for each in headers for part in each.split(",")]


def _without_port(entry: str) -> str:
    at = authority(entry)
    return entry if at is None else at.host


def _address(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return address if mapped is None else mapped


def _network(text: str) -> _Network:
    """The network; the IPv4 one that it maps, as addresses are compared."""
    network = ipaddress.ip_network(text)
    bits = network.prefixlen - _BEFORE_IPV4
    first = _address(str(network.network_address))
    if network.version == 6 and bits >= 0 and isinstance(first, ipaddress.IPv4Address):
        return ipaddress.IPv4Network((first, bits))
    return network
