"""What REDIS_URL has to look like: all that redis-py would stumble over, or read as something else,
is refused here, since what it says then repeats the URL and with it the password."""

import re
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

_SCHEMES = ("redis", "rediss", "unix")
_DATABASE = re.compile(r"(/\d{0,5}/?)?", re.ASCII)

_TEXT, _WHOLE, _COUNT = r".+", r"\d{1,9}", r"[1-9]\d{0,8}"
_SECONDS = r"\d{1,9}(\.\d{1,9})?"
_OPTIONS: Mapping[str, str] = {
    "db": r"\d{1,5}",
    "username": _TEXT,
    "password": _TEXT,
    "client_name": _TEXT,
    "protocol": "[23]",
    "max_connections": _COUNT,
    "socket_timeout": _SECONDS,
    "socket_connect_timeout": _SECONDS,
    "retry_on_timeout": _TEXT,
    "health_check_interval": _WHOLE,
}
_OF_TCP: Mapping[str, str] = {"socket_keepalive": _TEXT}
_OF_TLS: Mapping[str, str] = {
    "ssl_keyfile": _TEXT,
    "ssl_certfile": _TEXT,
    "ssl_cert_reqs": "none|optional|required",
    "ssl_ca_certs": _TEXT,
    "ssl_ca_data": _TEXT,
    "ssl_check_hostname": _TEXT,
    "ssl_ciphers": _TEXT,
}
"""What redis-py's connections take from a URL, and what it has to look like."""

_ADDRESS = (
    "must be like redis://user:password@host:6379/0, and in the user and the password / ? # [ ] @ "
    "and : percent-encoded (%2F for /)"
)
_SOCKET = (
    "must be like unix://user:password@/run/redis.sock?db=0, and in the user and the password "
    "/ ? # [ ] @ and : percent-encoded (%2F for /)"
)


def redis_url(url: str) -> str:
    """The URL; ValueError saying what is right and nothing of what is there."""
    parts = _parts(url)
    if parts is None:
        raise ValueError(_ADDRESS)
    if parts.scheme not in _SCHEMES:
        raise ValueError("must be a redis://, rediss:// or unix:// URL")
    if parts.scheme == "unix":
        is_right = len(parts.path) > 1 and "@" not in parts.path
    else:
        is_right = _DATABASE.fullmatch(unquote(parts.path)) is not None
    if not is_right or "#" in url:
        raise ValueError(_SOCKET if parts.scheme == "unix" else _ADDRESS)
    known = _known(parts.scheme)
    for option in parts.query.split("&") if "?" in url else ():
        name, _, value = option.partition("=")
        # redis-py decodes it twice.
        if name not in known or not re.fullmatch(known[name], unquote(unquote(value)), re.ASCII):
            raise ValueError(
                "must have after a ? nothing but the options of redis-py, such as db=0 (a ? in the "
                "password is %3F)"
            )
    return url


def names_master(url: str) -> bool:
    """Whether the URL has a host, which with Sentinel is the name of the monitored master."""
    parts = urlsplit(url)
    return parts.scheme != "unix" and bool(parts.hostname)


def _parts(url: str) -> SplitResult | None:
    """The URL's parts; None where they cannot be told, or the port is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("redis", "rediss"):
            _ = parts.port
    except ValueError:
        return None
    return parts


def _known(scheme: str) -> Mapping[str, str]:
    if scheme == "unix":
        return _OPTIONS
    return {**_OPTIONS, **_OF_TCP, **(_OF_TLS if scheme == "rediss" else {})}
