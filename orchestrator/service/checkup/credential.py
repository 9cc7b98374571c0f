"""One credential: whether RingCentral accepts it, and what it can be used for.

Costs a login where no token is shared, and three light requests; four, where the token does not
tell its scope. All are paid for from the credential's budget, none from the reserve.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.domain.clock import Clock
from orchestrator.domain.credentials import DEFAULT, OWN, Credential
from orchestrator.domain.errors import (
    Retryable,
    RingOutError,
    StorageUnavailable,
    UpstreamRefused,
    UpstreamUnavailable,
)
from orchestrator.domain.findings import Finding
from orchestrator.service.checkup import permissions
from orchestrator.telephony import account, answers, wire
from orchestrator.telephony.client import RingCentral

LIGHT_REQUESTS = 4
"""The most that a check costs, unless it is a thorough one."""

_ABOUT = "credential"
_FROM_ENVIRONMENT = (
    "check RINGCENTRAL_API_KEY, or RC_APP_CLIENT_ID, RC_APP_CLIENT_SECRET and RC_USER_JWT"
)
_FROM_ELSEWHERE = (
    "give it a JWT that RingCentral accepts: `ringout credentials add`, or RINGOUT_CREDENTIALS_FILE"
)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found. `retry_after`: seconds after which more can be found; None, it is all.
    `skew_ms`: how far this machine's clock is ahead of RingCentral's, where that was seen.
    `logged_in`: whether it took a login."""

    findings: list[Finding] = field(default_factory=list)
    retry_after: float | None = None
    skew_ms: float | None = None
    logged_in: bool = False


async def examined(
    client: RingCentral,
    credential: Credential,
    clock: Clock,
    parked: Mapping[str, str] | None = None,
    *,
    thorough: bool = False,
) -> Examined:
    """What there is to say of a credential; `parked` is since when and why RingCentral refused
    it last; `thorough` may cost more than is due at a start: a heavy request."""
    try:
        return await _all(client, credential, clock, thorough=thorough)
    except StorageUnavailable:
        return Examined([Finding(_ABOUT, "warn", "not checked: that needs Redis")])
    except UpstreamUnavailable as error:
        return Examined([Finding(_ABOUT, "fail", error.detail, "see what is said of ringcentral")])
    except Retryable as error:
        return put_off(error.detail, error.retry_after)
    except UpstreamRefused as refusal:
        return Examined([refused(credential, refusal.error_code, refusal.detail, parked)])
    except RingOutError as error:
        return Examined([Finding(_ABOUT, "fail", error.detail, "see what is said of ringcentral")])


def put_off(why: str, seconds: float) -> Examined:
    """A credential that cannot be checked before so many seconds have passed."""
    finding = Finding(_ABOUT, "warn", f"not checked: {why}", "try again in a minute")
    return Examined([finding], retry_after=seconds)


def refused(
    credential: Credential, code: str, detail: str, parked: Mapping[str, str] | None
) -> Finding:
    """RingCentral does not accept a credential."""
    since = f" since {parked['since']}" if parked else ""
    advice = _FROM_ENVIRONMENT if credential.name == DEFAULT else _FROM_ELSEWHERE
    return Finding(_ABOUT, "fail", f"RingCentral refuses it{since}: {detail} ({code})", advice)


async def _all(
    client: RingCentral, credential: Credential, clock: Clock, *, thorough: bool
) -> Examined:
    known = await permissions.permitted(client, clock(), thorough=thorough)
    asked_at = clock()
    answer = await client.look_up(account.extension_request())
    heard_at = account.sent_at(answer)
    if answer.status == 401 or answers.throttled(answer) is not None:
        raise answers.error_of(answer) or UpstreamRefused(401, "HTTP-401", "refused")
    found = [
        Finding(_ABOUT, "ok", "RingCentral accepts it"),
        permissions.judged(known),
        _extension(answer, credential),
        await _caller_ids(client),
    ]
    if thorough or known.complete:
        found.append(await _phones(client))
    skew = None if heard_at is None else (asked_at + clock()) / 2 - heard_at
    return Examined(found, skew_ms=skew)


def _extension(answer: wire.Answer, credential: Credential) -> Finding:
    about = "extension"
    try:
        found = account.extension_of(answer)
    except RingOutError as error:
        return Finding(about, "ok", permissions.unreadable(error))
    if credential.extension not in (OWN, found.id) and found.id is not None:
        what = f"its JWT is that of extension {found.id}, not of {credential.extension}"
        return Finding(about, "fail", what, "use the JWT of the extension's own user")
    if found.status not in (None, "Enabled"):
        return Finding(about, "fail", f"it is {found.status}", "enable it in RingCentral's console")
    if found.ring_out is None:
        return Finding(about, "ok", "RingCentral does not say whether RingOut is on")
    if not found.ring_out.enabled:
        why = f" ({found.ring_out.reason})" if found.ring_out.reason else ""
        advice = "let RingCentral's administrator give the user RingOut"
        return Finding(about, "fail", f"RingOut is off for it{why}", advice)
    return Finding(about, "ok", "RingOut is on for it")


async def _caller_ids(client: RingCentral) -> Finding:
    about = "caller-id"
    try:
        count = account.caller_ids_in(await client.look_up(account.phone_numbers_request()))
    except (UpstreamRefused, Retryable) as error:
        return Finding(about, "ok", permissions.unreadable(error))
    if not count:
        advice = "leave `callerId` out of requests, or give the extension a number it may show"
        return Finding(about, "warn", "it has no number to show to whom it calls", advice)
    return Finding(about, "ok", f"{count} numbers can be its `callerId`")


async def _phones(client: RingCentral) -> Finding:
    about = "phones"
    try:
        count = account.phones_in(await client.look_up(account.forwarding_numbers_request()))
    except (UpstreamRefused, Retryable) as error:
        return Finding(about, "ok", permissions.unreadable(error))
    if not count:
        return Finding(about, "ok", "it has none: requests have to say `from.phoneNumber`")
    return Finding(about, "ok", f"{count} forwarding numbers")
