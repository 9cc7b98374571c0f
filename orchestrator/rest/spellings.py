"""The two spellings of the ring-out routes: the capability's, and RingCentral's own."""

import re
from dataclasses import dataclass

from aiohttp import web
from pydantic import TypeAdapter

from orchestrator.domain.errors import FieldError, InvalidRequest
from orchestrator.service.models import PathId, RingOutId

_ACCOUNT_DETAIL = "must be ~ or an id of RingCentral's: 1 to 64 letters, digits, - and _"
_RINGOUT_DETAIL = "must be an id given out here (call_...) or RingCentral's id of a ring-out"


def _pattern(text: TypeAdapter[str]) -> re.Pattern[str]:
    return re.compile(text.json_schema()["pattern"].removesuffix("$"))


_PATH_ID = _pattern(TypeAdapter(PathId))
_RINGOUT_ID = _pattern(TypeAdapter(RingOutId))
_DOTS = (".", "..")


@dataclass(frozen=True, slots=True)
class Spelling:
    """One spelling of the routes: its path template, and its parameters' names."""

    prefix: str
    account: str
    extension: str
    ringout: str
    suffix: str

    @property
    def many(self) -> str:
        """The template of the path that calls are placed at."""
        return f"{self.prefix}/account/{{{self.account}}}/extension/{{{self.extension}}}/ring-out"

    @property
    def one(self) -> str:
        """The template of a call's path."""
        return f"{self.many}/{{{self.ringout}}}"

    def location(self, account: str, extension: str, call_id: str) -> str:
        """The path of a call, in this spelling."""
        return f"{self.prefix}/account/{account}/extension/{extension}/ring-out/{call_id}"

    def owner(self, request: web.Request) -> tuple[str, str]:
        """The account and extension in a path; InvalidRequest naming each that is not usable."""
        match = request.match_info
        account, extension = match[self.account], match[self.extension]
        if _PATH_ID.fullmatch(account) and _PATH_ID.fullmatch(extension):
            return account, extension
        given = ((self.account, account), (self.extension, extension))
        raise InvalidRequest(
            tuple(
                FieldError(name, _ACCOUNT_DETAIL)
                for name, value in given
                if not _PATH_ID.fullmatch(value)
            )
        )

    def ids(self, request: web.Request) -> tuple[str, str, str]:
        """Account, extension and ring-out in a path; InvalidRequest as `owner`."""
        account, extension = self.owner(request)
        ringout = request.match_info[self.ringout]
        if ringout in _DOTS or not _RINGOUT_ID.fullmatch(ringout):
            raise InvalidRequest((FieldError(self.ringout, _RINGOUT_DETAIL),))
        return account, extension, ringout


OURS = Spelling(
    prefix="/v1/restapi/v1-0",
    account="accountid",
    extension="extensionid",
    ringout="ringoutid",
    suffix="",
)
RINGCENTRALS = Spelling(
    prefix="/restapi/v1.0",
    account="accountId",
    extension="extensionId",
    ringout="ringoutId",
    suffix="-alias",
)
BOTH = (OURS, RINGCENTRALS)
