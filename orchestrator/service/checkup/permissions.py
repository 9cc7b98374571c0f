"""What a credential's token permits: by its scope, or by asking where the scope was not said.

A bearer token from the configuration does not tell its scope. RingCentral answers 403 to what it
does not permit, so that a request whose answer nobody needs tells the permission apart.
"""

from dataclasses import dataclass

from orchestrator.domain.credentials import OWN
from orchestrator.domain.errors import RingOutError
from orchestrator.domain.findings import Finding
from orchestrator.telephony import account, answers, presence, records, wire
from orchestrator.telephony.client import RingCentral

_ABOUT = "permissions"
_WORTH_MUCH = {
    account.READ_CALL_LOG: "the end of calls that were lost sight of",
    account.READ_PRESENCE: "what became of a call whose answer was lost",
}
_BLIND = "reconciliation cannot see {}"
_OPTIONAL = {
    (account.CALL_CONTROL,): "a connected call cannot be ended from here",
    (account.WEBSOCKETS, account.WEBHOOKS): "RingCentral does not tell of changes, they are polled",
}
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions a token has, of those that are known; `complete`: all others it has not."""

    held: frozenset[str]
    asked: frozenset[str] = frozenset()
    complete: bool = False

    def lacks(self, permission: str) -> bool:
        """Whether it is known that the permission is missing."""
        is_known = self.complete or permission in self.asked
        return is_known and not account.is_permitted(permission, self.held)


async def permitted(client: RingCentral, now: int, *, thorough: bool) -> Permissions:
    """What the client's token permits; `thorough` may cost a heavy request.

    Raises what RingCentral's client does, and UpstreamRefused where the token is refused.
    """
    scope = await client.scope()
    if scope is not None:
        return Permissions(scope, complete=True)
    wanted = {
        account.RING_OUT: wire.status_request(OWN, OWN, "preflight"),
        account.READ_PRESENCE: presence.presence_request(OWN, OWN),
    }
    if thorough:
        since = now - _MINUTE_MS
        wanted[account.READ_CALL_LOG] = records.call_log_request(OWN, OWN, since, now, 1)
    held = {name for name, request in wanted.items() if await _is_answered(client, request)}
    return Permissions(frozenset(held), frozenset(wanted))


async def _is_answered(client: RingCentral, request: wire.Request) -> bool:
    answer = await client.look_up(request)
    if account.permission_missing(answer) is not None:
        return False
    error = answers.error_of(answer)
    if error is not None and answer.status != 404:
        raise error
    return True


def judged(found: Permissions) -> Finding:
    """What the permissions mean for what this product does."""
    if found.lacks(account.RING_OUT):
        advice = f"give the RingCentral app the {account.RING_OUT} permission, and let it log in"
        return Finding(_ABOUT, "fail", "the app may not place calls", f"{advice} again")
    lost = [name for name in _WORTH_MUCH if found.lacks(name)]
    if lost:
        what = " nor ".join(_WORTH_MUCH[name] for name in lost)
        advice = f"give the RingCentral app the {' and '.join(lost)} permission"
        return Finding(_ABOUT, "warn", _BLIND.format(what), advice)
    return Finding(_ABOUT, "ok", "; ".join(["the app may place and follow calls", *_less(found)]))


def _less(found: Permissions) -> list[str]:
    return [
        f"without {' or '.join(names)} {loss}"
        for names, loss in _OPTIONAL.items()
        if all(found.lacks(name) for name in names)
    ]


def unreadable(error: RingOutError) -> str:
    """Why something is not known, where RingCentral would not say it."""
    return f"not known: {error.detail}"
