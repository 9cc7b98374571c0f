"""What can go wrong, in our own words: no library's exception crosses a floor.

Each error carries a stable `code` (a front end shows it, a program may branch on it) and a
`detail` that says what would be right. Times are seconds.
"""

from dataclasses import dataclass

from orchestrator.domain.velocity import Figure


class RingOutError(Exception):
    """Anything this product refuses or fails to do."""

    code = "error"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that was not understood: `field` is a dotted path such as `to.phoneNumber`."""

    field: str
    detail: str


class InvalidRequest(RingOutError):
    """The request is well-formed and one or more of its fields are not usable."""

    code = "invalid_field"

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in errors))
        self.errors = errors


class MalformedRequest(RingOutError):
    """The request cannot be read at all: bad JSON, or a header that does not parse."""

    code = "malformed_request"

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.field = field


NO_CREDENTIALS = (
    "There are no valid credentials: an API key or an access token is needed as bearer."
)


class Unauthenticated(RingOutError):
    """No credentials, or none that are valid: which of the two, and why, is not told.

    `was_shown` says whether there were any: HTTP's challenge tells that, as RFC 6750 wants it.
    """

    code = "unauthenticated"

    def __init__(self, detail: str, *, was_shown: bool = False) -> None:
        super().__init__(detail)
        self.was_shown = was_shown


class InsufficientScope(RingOutError):
    """Who asks is known, and has not the right that this needs: `scope`."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        super().__init__(f"This needs the scope {scope}, which the credentials do not have.")
        self.scope = scope


class RefusedByPolicy(RingOutError):
    """A rule of this house forbids the call; nothing was written down and nobody is rung.

    `policy` is the rule's stable name, such as `destination.region`; `field` the dotted path of
    what it is about, where it is about one.
    """

    code = "refused_by_policy"

    def __init__(self, policy: str, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.policy = policy
        self.field = field


class ConfirmationRequired(RefusedByPolicy):
    """A person must be asked before this call is made, and whoever asks for it cannot ask one."""

    code = "confirmation_required"


class ConfirmationDeclined(RefusedByPolicy):
    """A person was asked, and does not want this call."""

    code = "confirmation_declined"


class CallNotFound(RingOutError):
    """No call has this id, here or (where it was asked) at RingCentral."""

    code = "call_not_found"


class IdempotencyKeyReused(RingOutError):
    """The key was used before, for another request."""

    code = "idempotency_key_reused"


class CallWithdrawn(RingOutError):
    """The call ended here before RingCentral was asked: it expired or was cancelled."""

    code = "call_withdrawn"


class WebhookNotFound(RingOutError):
    """No webhook has this id."""

    code = "webhook_not_found"


class DeliveryNotFound(RingOutError):
    """No delivery has this id, or it is not kept any more, or its webhook was deleted."""

    code = "delivery_not_found"


class WebhookDisabled(RingOutError):
    """The webhook is disabled: nothing is delivered to it before it is enabled."""

    code = "webhook_disabled"


class TooManyWebhooks(RingOutError):
    """There are as many webhooks as there may be."""

    code = "too_many_webhooks"


class Retryable(RingOutError):
    """Nothing was done; the same request may be made again after `retry_after` seconds."""

    def __init__(self, detail: str, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyFailures(Retryable):
    """Too many attempts to prove who asks have failed, from the same address."""

    code = "too_many_failures"


class VelocityExceeded(Retryable):
    """As many calls as may be were accepted lately: `policy` names the rule, such as
    `velocity.callee`; `figures` are what is left of every quota. Nothing was written down."""

    code = "velocity_exceeded"

    def __init__(
        self, policy: str, detail: str, retry_after: float, figures: tuple[Figure, ...] = ()
    ) -> None:
        super().__init__(detail, retry_after)
        self.policy = policy
        self.figures = figures


class StorageUnavailable(Retryable):
    """Redis did not answer in time."""

    code = "storage_unavailable"


class IdentityUnavailable(Retryable):
    """A token cannot be checked: the keys of the identity provider cannot be had."""

    code = "identity_unavailable"


class OtherNumbersKey(StorageUnavailable):
    """The digests of numbers in Redis were made with another key: none would be recognised."""


class UpstreamUnavailable(Retryable):
    """RingCentral could not be reached, so that nothing was sent to it."""

    code = "ringcentral_unavailable"


class UpstreamGated(Retryable):
    """RingCentral's rate limit is spent or its penalty runs: nothing was sent, nor may be."""

    code = "ringcentral_rate_limited"


class UpstreamFailed(RingOutError):
    """RingCentral was asked and what it did is not known: time-out, reset, 5xx, unreadable."""

    code = "ringcentral_failed"

    def __init__(self, detail: str, *, timed_out: bool = False) -> None:
        super().__init__(detail)
        self.timed_out = timed_out


class UpstreamRefused(RingOutError):
    """RingCentral understood and said no, so that nothing is ringing.

    `http_status` is RingCentral's (4xx), `error_code` its own, such as `TEL-109`.
    """

    code = "ringcentral_refused"

    def __init__(self, http_status: int, error_code: str, detail: str) -> None:
        super().__init__(detail)
        self.http_status = http_status
        self.error_code = error_code


class UpstreamGone(UpstreamRefused):
    """RingCentral does not know this ring-out, or no longer: neither success nor failure."""

    code = "ringcentral_gone"
