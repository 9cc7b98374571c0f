"""What the settings of the house's rules have to look like; ValueError saying what is right."""

import ipaddress
import re
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS
from pydantic import SecretStr

from orchestrator.settings.addresses import AUTHORITY

_QUOTAS = re.compile(r"[1-9]\d{0,6}/[1-9]\d{0,5}(,[1-9]\d{0,6}/[1-9]\d{0,5}){0,7}", re.ASCII)
_LONGEST_S = 86_400
_LAST_PORT = 65_535


def issuer(url: str) -> str:
    parts = urlsplit(url)
    is_here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    is_plain = not (parts.query or parts.fragment or "@" in parts.netloc)
    if url and not (parts.hostname and is_plain and (parts.scheme == "https" or is_here)):
        raise ValueError("must be an https URL, such as https://login.example.com")
    return url


def region(text: str) -> str:
    if text not in SUPPORTED_REGIONS:
        raise ValueError("must be a region as ISO 3166 names it, in two capitals, such as US")
    return text


def regions(text: str) -> str:
    for part in text.split(",") if text else ():
        try:
            region(part)
        except ValueError:
            raise ValueError("must be regions of two capitals, comma-separated: US,CA") from None
    return text


def numbers_key(text: SecretStr | None) -> SecretStr | None:
    if text is not None and len(text.get_secret_value()) < 32:
        raise ValueError("must be at least 32 characters")
    return text


def quotas(text: str) -> str:
    if text == "off":
        return text
    if not _QUOTAS.fullmatch(text):
        raise ValueError("must be calls/seconds, comma-separated, such as 1/60,5/3600, or off")
    if any(int(part.partition("/")[2]) > _LONGEST_S for part in text.split(",")):
        raise ValueError("must not look back longer than a day: at most 86400 seconds")
    return text


def names(text: str) -> str:
    if text and not all(_is_host(part) for part in text.split(",")):
        raise ValueError(
            "must be host or host:port as clients send it, or several separated by commas; "
            "no wildcards"
        )
    return text


def _is_host(text: str) -> bool:
    found = AUTHORITY.fullmatch(text.lower())
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return False
    try:
        return found["six"] is None or ipaddress.ip_address(found["six"]).version == 6
    except ValueError:
        return False


def origins(text: str) -> str:
    for part in text.split(",") if text else ():
        scheme, _, host = part.partition("://")
        if scheme not in ("http", "https") or not _is_host(host):
            raise ValueError("must be origins such as https://crm.example.com, comma-separated")
    return text


def origin(text: str) -> str:
    if text and not re.fullmatch(r"https?://[^/\s,?#@]+", text):
        raise ValueError("must be an origin without a path, such as https://mcp.example.com")
    return text


def networks(text: str) -> str:
    for part in text.split(",") if text else ():
        try:
            ipaddress.ip_network(part)
        except ValueError:
            raise ValueError("must be addresses or networks, such as 10.0.0.0/8") from None
    return text
