"""Faults put in on purpose: each takes the place of so many answers.

`before` faults strike before the request has any effect, `after` faults once it has: for a
ring-out, before or after the phones ring. The table of kinds is in simulator/admin.py.
"""

import json
import time
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import AfterValidator, Field, ValidationError

from simulator.durations import Strict
from simulator.numbers import e164
from simulator.refusals import OAuthRefusal, Refusal, Unauthorized

Operation = Literal[
    "make",
    "status",
    "cancel",
    "token",
    "revoke",
    "active-calls",
    "call-log",
    "subscribe",
    "subscription",
    "resubscribe",
    "renew",
    "unsubscribe",
    "wstoken",
    "presence",
    "session",
    "end-session",
    "extension",
    "forwarding-number",
    "phone-number",
    "any",
]
Kind = Literal[
    "status",
    "reset_before",
    "reset_after",
    "hang_before",
    "hang_after",
    "truncated",
    "broken_off",
    "delay",
    "dialled_status",
]
_HTML = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_CODES = {401: "OAU-213", 403: "CMN-401", 404: "CMN-102", 429: "CMN-301", 503: "CMN-201"}


class FaultRefused(ValueError):
    """A fault that is not understood; its text names the field."""


def _normal(number: str) -> str:
    normal = e164(number)
    if normal is None:
        raise ValueError("should be a phone number")
    return normal


PhoneNumber = Annotated[str, AfterValidator(_normal)]


class Match(Strict):
    """Which calls a fault strikes; what is not given matches every number."""

    to: PhoneNumber | None = None
    from_: PhoneNumber | None = Field(None, alias="from")
    extension: str | None = None
    account: str | None = None


class FaultSpec(Strict):
    """What `POST /__sim/faults` takes."""

    operation: Operation
    kind: Kind
    times: int | None = Field(1, ge=1)
    seconds: float | None = Field(None, gt=0, le=10**6)
    """In place for so long, on the machine's clock; any number of times, unless that is given."""
    match: Match | None = None
    status: int = Field(503, ge=200, le=599)
    body: Literal["json", "html", "empty", "truncated"] = "json"
    errorCode: str | None = None  # noqa: N815  (RingCentral's own spelling)
    message: str = "Injected by the simulator"
    headers: dict[str, str] = Field(default_factory=dict)
    rate_headers: bool = True
    ms: float = Field(0.0, ge=0, le=3_600_000)

    @classmethod
    def read(cls, given: object) -> "FaultSpec":
        """A fault from JSON; raises FaultRefused."""
        try:
            spec = cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "the body"
            raise FaultRefused(f"{where}: {first['msg']}") from None
        lasting = spec.seconds is not None and "times" not in spec.model_fields_set
        return spec.model_copy(update={"times": None}) if lasting else spec

    def response(self, operation: str) -> web.Response:
        """The answer this fault gives in place of the real one."""
        if self.body == "html":
            return web.Response(
                text=_HTML, status=self.status, content_type="text/html", headers=self.headers
            )
        text = "" if self.body == "empty" else json.dumps(self._refusal(operation).body())
        if self.body == "truncated":
            text = text[: len(text) // 2]
        return web.Response(
            text=text, status=self.status, content_type="application/json", headers=self.headers
        )

    def _refusal(self, operation: str) -> Refusal:
        code = self.errorCode or _CODES.get(self.status, "CMN-203")
        if operation in {"token", "revoke"}:
            error = "invalid_request" if self.status < 500 else "server_error"
            return OAuthRefusal(error, code, self.message, status=self.status)
        if self.status == 401:
            word = "TokenExpired" if code == "OAU-128" else "TokenInvalid"
            return Unauthorized(code, self.message, word=word)
        return Refusal(self.status, code, self.message)


@dataclass(slots=True)
class Fault:
    """A fault in place, and how often it has struck."""

    id: int
    spec: FaultSpec
    struck: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether its seconds have passed."""
        return self.spec.seconds is not None and time.monotonic() >= self.begun + self.spec.seconds

    @property
    def is_penalty(self) -> bool:
        """Whether it refuses all that comes for a while: who goes on asking is inside of it."""
        return self.spec.kind == "status" and self.spec.status == 429 and bool(self.spec.seconds)

    def view(self) -> dict[str, Any]:
        """The JSON of the fault; `left` is null for one without end."""
        left = None if self.spec.times is None else self.spec.times - self.struck
        spec = self.spec.model_dump(by_alias=True)
        return {"id": self.id, "struck": self.struck, "left": left, **spec}


@dataclass(frozen=True, slots=True)
class Parties:
    """The two numbers a request is about, and who makes it, as far as they are known."""

    caller: str | None = None
    callee: str | None = None
    extension: str | None = None
    account: str | None = None


class Faults:
    """The faults in place, oldest first; the first that fits strikes."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._next_id = 1

    def add(self, spec: FaultSpec) -> Fault:
        fault = Fault(self._next_id, spec)
        self._next_id += 1
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def views(self) -> list[dict[str, Any]]:
        self._forget()
        return [fault.view() for fault in self._faults]

    def __bool__(self) -> bool:
        self._forget()
        return bool(self._faults)

    def _forget(self) -> None:
        self._faults = [fault for fault in self._faults if not fault.over]

    def take(self, operation: str, parties: Parties) -> FaultSpec | None:
        """What strikes this request; a fault that has struck its times is gone."""
        fault = self.strike(operation, parties)
        return None if fault is None else fault.spec

    def strike(self, operation: str, parties: Parties) -> Fault | None:
        """As `take`, with how often the fault has struck."""
        self._forget()
        fault = next((one for one in self._faults if _fits(one.spec, operation, parties)), None)
        if fault is None:
            return None
        fault.struck += 1
        if fault.struck == fault.spec.times:
            self._faults.remove(fault)
        return fault


def _fits(spec: FaultSpec, operation: str, parties: Parties) -> bool:
    if spec.operation not in {operation, "any"}:
        return False
    if spec.match is None:
        return True
    wanted = (
        (spec.match.to, parties.callee),
        (spec.match.from_, parties.caller),
        (spec.match.extension, parties.extension),
        (spec.match.account, parties.account),
    )
    return all(want is None or want == number for want, number in wanted)
