"""The pause switch: who runs the house stops the placing of calls, of all or of one key's, and
lets it go on. Accepted calls wait meanwhile, or expire.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr

from orchestrator.domain import phones
from orchestrator.domain.access import OIDC_DIGITS, OIDC_OWNER
from orchestrator.domain.clock import Clock
from orchestrator.domain.errors import FieldError, InvalidRequest
from orchestrator.service.models import Printable
from orchestrator.storage.api_keys import ApiKeys
from orchestrator.storage.audit import PAUSED, RESUMED, Actor, Audit
from orchestrator.storage.pauses import Pause, Pauses

HOUSE = "house"
"""What a pause of all calls is about, in the audit stream."""

_PROVIDED = re.compile(f"{OIDC_OWNER}[0-9a-f]{{{OIDC_DIGITS}}}")
_SETTLES_S = 5.0
"""A request that was begun before the pause has reached RingCentral by then, or never will: the
right to send it is fresh for three seconds only."""


def _no_phone(key: str) -> str:
    """What is paused is told in the audit stream, which holds no number."""
    if key.isdecimal():
        raise ValueError("must be the id of a key, as `ringout keys list` shows it")
    return key


KeyId = Annotated[
    StrictStr,
    Field(
        pattern=r"^[A-Za-z0-9_.~-]{1,128}$",
        description="The id of a key (the owner of calls); all calls where it is left out.",
    ),
    AfterValidator(_no_phone),
]
PauseReason = Annotated[
    Printable,
    Field(max_length=200, description="Shown wherever a call waits for the end of the pause."),
    AfterValidator(phones.scrubbed),
]


class PauseRequest(BaseModel):
    """A wish to pause."""

    model_config = ConfigDict(extra="forbid")

    key: KeyId | None = None
    reason: PauseReason = ""


class PauseQuery(BaseModel):
    """Which pause is to end."""

    model_config = ConfigDict(extra="forbid")

    key: KeyId | None = None


class PauseShown(BaseModel):
    """A pause: why, who began it, and since when (RFC 3339, UTC); the latter two are empty where
    its entry cannot be read."""

    reason: str
    by: str
    since: str


class KeyPauseShown(PauseShown):
    """The pause of one key's calls."""

    key: str


class PauseDocument(BaseModel):
    """What is paused now; `house` is null where calls in general are placed."""

    paused: bool = Field(description="Whether the whole house is.")
    house: PauseShown | None
    keys: list[KeyPauseShown]
    under_way: int = Field(
        alias="underWay",
        description="Placings that were begun before the pause and may still reach RingCentral; "
        "0 except right after a pause that met some that took long.",
    )


@dataclass(frozen=True, slots=True)
class Pausing:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    pauses: Pauses
    api_keys: ApiKeys
    audit: Audit
    clock: Clock

    async def shown(self, under_way: int = 0) -> dict[str, Any]:
        """What is paused now."""
        known = await self.pauses.read()
        document = PauseDocument(
            paused=known.house is not None,
            house=PauseShown(**_said(known.house)) if known.house else None,
            keys=[KeyPauseShown(key=key, **_said(one)) for key, one in sorted(known.keys.items())],
            underWay=under_way,
        )
        return document.model_dump(by_alias=True)

    async def pause(self, actor: Actor, wish: PauseRequest) -> int:
        """From its return on no request leaves that places one of the calls; how many that were
        begun before it have not been settled. InvalidRequest for a key that there is not: who
        mistyped it must not believe that its calls stand still."""
        if wish.key is not None and not await self._is_somebody(wish.key):
            detail = "names no key: `ringout keys list` shows those that there are"
            raise InvalidRequest((FieldError("key", detail),))
        await self.audit.note(PAUSED, actor, wish.key or HOUSE, wish.reason)
        await self.pauses.begin(wish.key, wish.reason, actor.name, self.clock())
        return await self.pauses.settled(_SETTLES_S)

    async def _is_somebody(self, owner: str) -> bool:
        is_told = _PROVIDED.fullmatch(owner) is not None
        return is_told or await self.api_keys.read(owner) is not None

    async def resume(self, actor: Actor, key: str | None) -> bool:
        """Whether it was paused; the calls that waited are placed now. Those that an earlier
        resume, which was cut off, did not come to are so where it was not paused any more."""
        known = await self.pauses.read()
        if not (known.house if key is None else known.keys.get(key)):
            await self.pauses.start(key)
            return False
        await self.audit.note(RESUMED, actor, key or HOUSE)
        return await self.pauses.end(key)


def _said(pause: Pause) -> dict[str, str]:
    return {"reason": pause.reason, "by": pause.by, "since": pause.since}
