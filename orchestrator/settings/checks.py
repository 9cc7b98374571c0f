"""What single settings have to look like; each raises ValueError saying what is right."""

import ipaddress
import re
from urllib.parse import urlsplit

from pydantic import SecretStr

from orchestrator.delivery.signing import is_secret


def http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("must be an http or https URL, such as https://platform.ringcentral.com")
    return url.rstrip("/")


def can_be_called_back(url: str | None) -> bool:
    """Whether RingCentral takes a webhook there: https, but for a simulator on this machine."""
    parts = urlsplit(url or "")
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    try:
        is_here = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = host == "localhost"
    return parts.scheme == "http" and is_here


def sentinels(text: str) -> str:
    if text and not re.fullmatch(r"[^:,\s]+:\d{1,5}(,[^:,\s]+:\d{1,5})*", text):
        raise ValueError("must be host:port, or several separated by commas")
    return text


def state_keys(text: SecretStr | None) -> SecretStr | None:
    if text is not None and any(len(key) < 32 for key in text.get_secret_value().split(",")):
        raise ValueError("must be keys of at least 32 characters, separated by commas")
    return text


def credentials_key(text: SecretStr | None) -> SecretStr | None:
    if text is not None and len(text.get_secret_value()) < 32:
        raise ValueError("must be at least 32 characters")
    return text


def ladder(text: str) -> str:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?(,\d{1,6}(\.\d{1,3})?){0,19}", text):
        raise ValueError("must be 1 to 20 numbers of seconds, separated by commas")
    return text


def callback_secret(text: SecretStr | None) -> SecretStr | None:
    if text is not None and not is_secret(text.get_secret_value()):
        raise ValueError("must be whsec_ and the base64 of 24 to 64 bytes")
    return text
