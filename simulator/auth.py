"""Who asks: applications, extensions, sessions and their tokens.

There is one account. Its first extension owns the credentials as they are configured; a
credential followed by `.N` (`simulator-key.2`, `simulator-jwt.2`) is that of its Nth.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.refusals import OAuthRefusal, Unauthorized
from simulator.settings import SimulatorSettings, Tuning

ACCOUNT = "400131425008"
_FIRST_EXTENSION = 400131426000
_NUMBER = re.compile("[2-9]|[1-9][0-9]{1,3}")


def extension_id(number: int) -> str:
    """The id of the account's Nth extension, counted from 1."""
    return str(_FIRST_EXTENSION + number)


def owner_of(credential: str, configured: str) -> str | None:
    """The extension a credential belongs to, or None where it is not one of ours."""
    if credential == configured:
        return extension_id(1)
    head, _, number = credential.rpartition(".")
    if head == configured and _NUMBER.fullmatch(number):
        return extension_id(int(number))
    return None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever a request is made for."""

    account: str
    extension: str
    app: str
    scope: frozenset[str]


@dataclass(slots=True)
class Session:
    """One login; its tokens live on the machine's clock."""

    extension: str
    scope: str
    access_token: str
    access_expires: float
    refresh_token: str | None
    refresh_expires: float
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))


class Sessions:
    """The logins of one application: at most so many an extension, the oldest goes first."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._by_access: dict[str, Session] = {}
        self._by_refresh: dict[str, Session] = {}
        self._by_owner: dict[str, list[Session]] = {}

    def open(self, extension: str, tuning: Tuning, life: float) -> Session:
        """Logs an extension in; ends its oldest session where it has too many."""
        now = self._now()
        session = Session(
            extension=extension,
            scope=tuning.scope,
            access_token=secrets.token_urlsafe(32),
            access_expires=now + life,
            refresh_token=secrets.token_urlsafe(32) if tuning.issue_refresh_tokens else None,
            refresh_expires=now + tuning.refresh_token_life,
        )
        owned = self._by_owner.setdefault(extension, [])
        while len(owned) >= tuning.max_sessions:
            self.close(owned[0])
        owned.append(session)
        self._index(session)
        return session

    def refresh(self, token: str, tuning: Tuning, life: float) -> Session:
        """New tokens for a session; the old ones are dead from here on."""
        session = self._by_refresh.get(token)
        if session is None:
            raise OAuthRefusal("invalid_grant", "OAU-213", "Token not found")
        now = self._now()
        if now >= session.refresh_expires:
            raise OAuthRefusal("invalid_grant", "OAU-210", "Token expired")
        self._unindex(session)
        session.access_token = secrets.token_urlsafe(32)
        session.refresh_token = secrets.token_urlsafe(32)
        session.access_expires = now + life
        session.refresh_expires = now + tuning.refresh_token_life
        self._index(session)
        return session

    def revoke(self, token: str) -> None:
        """Ends the whole session of an access or refresh token."""
        session = self._by_access.get(token) or self._by_refresh.get(token)
        if session is None:
            raise OAuthRefusal("invalid_request", "OAU-213", "Token not found")
        self.close(session)

    def holder(self, token: str) -> Session:
        """The session of a valid access token; raises Unauthorized."""
        session = self._by_access.get(token)
        if session is None:
            raise Unauthorized("OAU-213", "Token not found")
        if self._now() >= session.access_expires:
            raise Unauthorized("OAU-128", "Access token expired", word="TokenExpired")
        return session

    def remaining(self, session: Session) -> float:
        """Seconds its access token still lives."""
        return session.access_expires - self._now()

    def close(self, session: Session) -> None:
        self._unindex(session)
        self._by_owner[session.extension].remove(session)

    def _index(self, session: Session) -> None:
        self._by_access[session.access_token] = session
        if session.refresh_token is not None:
            self._by_refresh[session.refresh_token] = session

    def _unindex(self, session: Session) -> None:
        del self._by_access[session.access_token]
        if session.refresh_token is not None:
            del self._by_refresh[session.refresh_token]


class Doorman:
    """Turns an Authorization header into an Identity."""

    def __init__(self, settings: SimulatorSettings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions

    def identify(self, header: str | None, tuning: Tuning) -> Identity:
        """Raises Unauthorized as RingCentral's gateway would."""
        if not header:
            raise Unauthorized("AGW-401", "Authorization header is not specified")
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Unauthorized("AGW-402", "Invalid Authorization header")
        owner = owner_of(token.strip(), self._settings.api_key)
        if owner is None:
            session = self._sessions.holder(token.strip())
            return self._identity(session.extension, session.scope)
        if not tuning.api_key_valid:
            raise Unauthorized("OAU-213", "Token not found")
        return self._identity(owner, tuning.scope)

    def _identity(self, extension: str, scope: str) -> Identity:
        return Identity(ACCOUNT, extension, self._settings.client_id, frozenset(scope.split()))
