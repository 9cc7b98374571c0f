"""Whom a front end answers, and how large a request's head may be: one rule for REST and MCP.

A page of a site elsewhere can make a browser ask here in two ways: under the site's own name,
turned to our address (the Host header gives that away), or under our name (the Origin header).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.edge.addresses import Authority, Proxies, authority, origin, origin_of
from orchestrator.settings import Settings

MOST_TARGET = 8_000
MOST_QUERY = 4_096
MOST_FIELD = 8_190
MOST_FIELDS = 100
MOST_HEAD = 32 * 1024
RETRY_AFTER_S = 1

PROBES = frozenset({"/livez", "/readyz"})
"""Asked for by whatever watches over the process, under any name, however busy it is."""

_FIELD_EXTRA = 4
"""What a header field takes besides its name and its value: a colon, a space, CR and LF."""

_WEB_PORTS = (80, 443)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in: the status, the problem's code and its detail."""

    status: int
    code: str
    detail: str


NO_HOST = Refusal(400, "malformed_request", "There must be one Host header that names a host.")
ODD_TARGET = Refusal(400, "malformed_request", "The target must be a path of this host.")
MISDIRECTED = Refusal(
    421, "misdirected_request", "This is not served under that name (RINGOUT_ALLOWED_HOSTS)."
)
FOREIGN = Refusal(
    403, "origin_not_allowed", "Pages of that origin may not ask (RINGOUT_ALLOWED_ORIGINS)."
)
LONG_TARGET = Refusal(
    414,
    "target_too_long",
    f"The path may have {MOST_TARGET} characters and the query {MOST_QUERY}.",
)
LARGE_HEAD = Refusal(
    431,
    "headers_too_large",
    f"There may be {MOST_FIELDS} header fields of {MOST_FIELD} bytes, {MOST_HEAD} in all.",
)
BUSY = Refusal(
    503, "too_busy", "As many requests are under way as may be; nothing was done. Ask again."
)
PROVED_FOR_S = 0.5
"""Who asks is proved before the body is read, and anew where the body took longer than this."""
SLOW_BODY = Refusal(408, "request_timeout", "The body did not arrive in time.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the two ends of a connection and a request's headers say of who asks."""

    address: str
    is_https: bool
    foreign_origin: str | None = None
    """The origin of a page elsewhere that may ask."""
    own_origins: frozenset[str] = frozenset()
    """Where a page asks: the origins of our own ones, as clients see them under this name."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Whom a front end answers."""

    hosts: frozenset[Authority] = frozenset({Authority("localhost")})
    origins: frozenset[str] = frozenset()
    own_origins: frozenset[str] = frozenset()
    proxies: Proxies = field(default_factory=Proxies)
    is_tls: bool = False

    def judged(
        self,
        peer: str,
        headers: "HeaderLists",
        *,
        is_tls: bool,
    ) -> tuple[Asked, Refusal | None]:
        """Who asks, and why not to be let in, if so."""
        is_https = self.proxies.is_https(peer, headers.protos, is_tls=is_tls)
        asked = Asked(self.proxies.client(peer, headers.forwarded), is_https)
        at = authority(headers.hosts[0]) if len(headers.hosts) == 1 else None
        if at is None:
            return asked, NO_HOST
        if not self._answers_to(at):
            return asked, MISDIRECTED
        if not headers.origins:
            return asked, None
        own = self.own_origins | {origin("https" if is_https else "http", at)}
        asked = replace(asked, own_origins=own)
        page = _page(headers.origins)
        if page is not None and page in self.origins:
            return replace(asked, foreign_origin=headers.origins[0]), None
        return asked, None if page in own else FOREIGN

    def _answers_to(self, at: Authority) -> bool:
        if at.is_address or Authority(at.host) in self.hosts or at in self.hosts:
            return True
        return at.port is None and any(
            Authority(at.host, port) in self.hosts for port in _WEB_PORTS
        )


@dataclass(frozen=True, slots=True)
class HeaderLists:
    """The headers that the rules look at, each with all its occurrences."""

    hosts: Sequence[str]
    origins: Sequence[str]
    forwarded: Sequence[str] = ()
    protos: Sequence[str] = ()


def rules(settings: Settings, own_host: str, more_hosts: str = "", public_url: str = "") -> Rules:
    """The rules that the settings give a front end that listens on `own_host` and is reached from
    outside as `public_url`."""
    public = origin_of(public_url)
    names = [own_host, *settings.allowed_hosts.split(","), *more_hosts.split(",")]
    hosts = {Authority("localhost"), *(at for name in names if (at := authority(name)))}
    if public is not None and (at := authority(public.partition("://")[2])):
        hosts.add(Authority(at.host))
    allowed = (origin_of(each) for each in settings.allowed_origins.split(","))
    return Rules(
        frozenset(hosts),
        frozenset(each for each in allowed if each),
        frozenset({public} if public else ()),
        Proxies(settings.trusted_proxies),
        bool(settings.tls_certificate),
    )


def _page(origins: Sequence[str]) -> str | None:
    """The origin that one Origin header names; None for `null` and for anything else."""
    is_one = len(origins) == 1 and origins[0].count("/") == 2
    return origin_of(origins[0]) if is_one else None


def head_refusal(
    path_size: int, query_size: int, fields: Iterable[tuple[bytes, bytes]]
) -> Refusal | None:
    """Why a request's head is too large, if it is."""
    if path_size > MOST_TARGET or query_size > MOST_QUERY:
        return LONG_TARGET
    sizes = [len(name) + len(value) + _FIELD_EXTRA for name, value in fields]
    if len(sizes) > MOST_FIELDS or sum(sizes) > MOST_HEAD or max(sizes, default=0) > MOST_FIELD:
        return LARGE_HEAD
    return None


def target_refusal(target: str, host: str) -> Refusal | None:
    """Why the target of a request is not one for here: another host's, or no path at all."""
    if target.startswith("/") or target == "*":
        return None
    scheme, _, rest = target.partition("://")
    at = authority(re.split(r"[/?#]", rest, maxsplit=1)[0])
    if scheme.lower() in ("http", "https") and at is not None and at == authority(host):
        return None
    return ODD_TARGET
