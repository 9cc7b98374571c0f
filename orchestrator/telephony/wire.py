"""RingCentral's HTTP as data, without any I/O: the requests that this product makes."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, urlencode

from orchestrator.domain.errors import UpstreamGone

HEAVY: Final = "heavy"
MEDIUM: Final = "medium"
LIGHT: Final = "light"
AUTH: Final = "auth"
UNTHROTTLED: Final = "none"
GROUPS: Final = (HEAVY, MEDIUM, LIGHT, AUTH)
"""RingCentral's rate limit groups, by its own names."""

LONGEST_ID: Final = 1024
LONGEST_CODE: Final = 64
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to RingCentral; `path` is percent-encoded and relative to the server's URL."""

    operation: str
    method: str
    path: str
    group: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; the names in `headers` are in lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)

    @property
    def request_id(self) -> str | None:
        """RingCentral's name for the request, which its support asks for."""
        value = self.headers.get("rcrequestid")
        return value[:LONGEST_CODE] if value else None


def _segment(name: str, value: str) -> str:
    try:
        encoded = quote(value, safe="")
    except UnicodeEncodeError:
        encoded = ""
    if encoded in ("", ".", "..") or len(value) > LONGEST_ID:
        raise UpstreamGone(404, "CMN-102", f"RingCentral can have given no such {name}.")
    return encoded


def extension_path(account: str, extension: str, rest: str) -> str:
    """The path of something that belongs to an extension; raises UpstreamGone for ids that
    would lead elsewhere: empty, dots alone, not encodable."""
    owner = f"{_segment('accountId', account)}/extension/{_segment('extensionId', extension)}"
    return f"/restapi/v1.0/account/{owner}/{rest}"


def make_request(account: str, extension: str, body: Mapping[str, object]) -> Request:
    """Asks for a ring-out; `body` is RingCentral's `MakeRingOutRequest`."""
    path = extension_path(account, extension, "ring-out")
    sent = json.dumps(body, separators=(",", ":")).encode()
    return Request("make", "POST", path, HEAVY, {"Content-Type": "application/json"}, sent)


def status_request(account: str, extension: str, ringout_id: str) -> Request:
    """Asks how a ring-out is doing."""
    rest = f"ring-out/{_segment('ringoutId', ringout_id)}"
    return Request("status", "GET", extension_path(account, extension, rest), LIGHT)


def cancel_request(account: str, extension: str, ringout_id: str) -> Request:
    """Asks for a ring-out to be torn down."""
    rest = f"ring-out/{_segment('ringoutId', ringout_id)}"
    return Request("cancel", "DELETE", extension_path(account, extension, rest), HEAVY)


def probe_request() -> Request:
    """Asks for the API's version: needs no token and counts towards no limit."""
    return Request("probe", "GET", "/restapi/v1.0", UNTHROTTLED)


def token_request(client_id: str, client_secret: str, jwt: str) -> Request:
    """Presents the JWT credential for an access token."""
    basic = b64encode(f"{client_id}:{client_secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {basic}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    form = urlencode({"grant_type": _JWT_BEARER, "assertion": jwt}).encode()
    return Request("login", "POST", "/restapi/oauth/token", AUTH, headers, form)
