"""Where a provider's keys come from: its discovery document, over HTTP."""

import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from orchestrator.identity.keys import Key, usable

_DISCOVERY = "/.well-known/openid-configuration"
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_MOST_BYTES = 256 * 1024
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.ASCII)
_UNCACHED = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,])")
_USUAL_S, _SHORTEST_S, _LONGEST_S = 3_600, 300, 86_400


class KeysUnavailable(Exception):
    """The provider's keys cannot be had now; the text says why, and holds no secret."""


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys, and for how many seconds they need not be asked for again."""

    keys: tuple[Key, ...]
    max_age: int


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider by its issuer; `jwks_url` where its keys are, where that is known."""

    issuer: str
    jwks_url: str = ""

    async def key_set(self) -> KeySet:
        """Its keys as they are now; KeysUnavailable."""
        # Redirects are refused and no proxy or cookie is used: what is configured is asked.
        async with aiohttp.ClientSession(
            timeout=_TIMEOUT,
            headers=_HEADERS,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            url = self.jwks_url or await self._discovered(session)
            document, caching = await _document(session, url)
        keys = usable(document)
        if not keys:
            raise KeysUnavailable(f"{url} lists no usable key")
        return KeySet(keys, _max_age(caching))

    async def _discovered(self, session: aiohttp.ClientSession) -> str:
        where = self.issuer.removesuffix("/") + _DISCOVERY
        document, _ = await _document(session, where)
        if document.get("issuer") != self.issuer:
            raise KeysUnavailable(f"{where} is of another issuer")
        url = document.get("jwks_uri")
        if not isinstance(url, str):
            raise KeysUnavailable(f"{where} names no jwks_uri")
        return url


async def _document(session: aiohttp.ClientSession, url: str) -> tuple[dict[str, Any], str]:
    """The JSON object there, and what its answer says of caching."""
    if not _is_private_way(url):
        raise KeysUnavailable("keys are fetched by https, or from this machine")
    try:
        async with session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise KeysUnavailable(f"{url} answered {answer.status}")
            document = json.loads(await _body(url, answer.content))
            caching = answer.headers.get("Cache-Control", "")
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise KeysUnavailable(f"{url}: {type(error).__name__}") from error
    except (ValueError, RecursionError) as error:
        raise KeysUnavailable(f"{url} answered no JSON") from error
    if not isinstance(document, dict):
        raise KeysUnavailable(f"{url} answered no JSON object")
    return document, caching


async def _body(url: str, content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for piece in content.iter_any():
        body += piece
        if len(body) > _MOST_BYTES:
            raise KeysUnavailable(f"{url} answered more than {_MOST_BYTES} bytes")
    return bytes(body)


def _is_private_way(url: str) -> bool:
    """Whether nobody between can put keys of their own there."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        return parts.scheme == "http" and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return parts.scheme == "http" and host == "localhost"


def _max_age(caching: str) -> int:
    words = caching.lower()
    if _UNCACHED.search(words):
        return _SHORTEST_S
    named = _MAX_AGE.search(words)
    seconds = int(named[1]) if named else _USUAL_S
    return min(max(seconds, _SHORTEST_S), _LONGEST_S)
