"""Who asks: sessions, their tokens, and whose they are.

Who there is: simulator/roster.py.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from simulator.refusals import OAuthRefusal, Unauthorized
from simulator.roster import Member, Roster
from simulator.settings import Tuning


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever a request is made for."""

    account: str
    extension: str
    app: str
    scope: frozenset[str]
    session: str = ""
    """The login it is made in; an API key is one of its own."""


@dataclass(slots=True)
class Session:
    """One login; its tokens live on the machine's clock."""

    account: str
    extension: str
    app: str
    scope: str
    access_token: str
    access_expires: float
    refresh_token: str | None
    refresh_expires: float
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))


class Sessions:
    """All logins: at most so many of an extension in one application, the oldest goes first."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._by_access: dict[str, Session] = {}
        self._by_refresh: dict[str, Session] = {}
        self._by_owner: dict[tuple[str, str], list[Session]] = {}

    def open(self, member: Member, app: str, tuning: Tuning, life: float) -> Session:
        """Logs an extension in; ends its oldest session where it has too many."""
        now = self._now()
        session = Session(
            account=member.account,
            extension=member.extension,
            app=app,
            scope=tuning.scope,
            access_token=secrets.token_urlsafe(32),
            access_expires=now + life,
            refresh_token=secrets.token_urlsafe(32) if tuning.issue_refresh_tokens else None,
            refresh_expires=now + tuning.refresh_token_life,
        )
        owned = self._by_owner.setdefault((member.extension, app), [])
        while len(owned) >= tuning.max_sessions:
            self.close(owned[0])
        owned.append(session)
        self._index(session)
        return session

    def refresh(self, token: str, app: str, tuning: Tuning, life: float) -> Session:
        """New tokens for a session; the old ones are dead from here on."""
        session = self._by_refresh.get(token)
        if session is None or session.app != app:
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

    def revoke(self, token: str, app: str) -> None:
        """Ends the whole session of an access or refresh token."""
        session = self._by_access.get(token) or self._by_refresh.get(token)
        if session is None or session.app != app:
            raise OAuthRefusal("invalid_request", "OAU-213", "Token not found")
        self.close(session)

    def owner_of(self, refresh_token: str) -> str | None:
        """The extension whose a refresh token is."""
        session = self._by_refresh.get(refresh_token)
        return None if session is None else session.extension

    def end_all(self, extension: str) -> int:
        """Ends every session of an extension, in all applications; says how many there were."""
        ended = [one for one in self._by_access.values() if one.extension == extension]
        for session in ended:
            self.close(session)
        return len(ended)

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
        self._by_owner[session.extension, session.app].remove(session)

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

    def __init__(self, roster: Roster, sessions: Sessions) -> None:
        self._roster = roster
        self._sessions = sessions

    def identify(self, header: str | None, tuning: Tuning) -> Identity:
        """Raises Unauthorized as RingCentral's gateway would."""
        if not header:
            raise Unauthorized("AGW-401", "Authorization header is not specified")
        kind, _, token = header.partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise Unauthorized("AGW-402", "Invalid Authorization header")
        member = self._roster.of_key(token.strip())
        if member is None:
            return _of_session(self._sessions.holder(token.strip()))
        if not tuning.api_key_valid:
            raise Unauthorized("OAU-213", "Token not found")
        scope = frozenset(tuning.scope.split())
        return Identity(member.account, member.extension, member.client_id, scope, "api-key")


def _of_session(session: Session) -> Identity:
    scope = frozenset(session.scope.split())
    return Identity(session.account, session.extension, session.app, scope, session.id)
