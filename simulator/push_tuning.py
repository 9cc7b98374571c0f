"""What can be tuned about subscriptions and notifications.

`notice_*` shape what is sent, in simulated seconds; `webhook_*`, `blacklist_*` and `ws_*` are
times on the machine's clock, because a client counts them on its own.
"""

from typing import Annotated, Literal

from pydantic import Field

from simulator.durations import A_NUMBER_OF_SECONDS, Durations, Lag, Seconds

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

_SWITCH = "true or false"
_SHARE = "a number from 0 to 1"


class PushTuning(Durations):
    """The part of `Tuning` that subscriptions and notifications read."""

    notice_lag: Lag = Field((0.0, 0.0), description="two rising numbers of seconds")
    """How late a notification leaves; none is documented but "near real-time"."""
    notice_loss: Share = Field(0.0, description=_SHARE)
    notice_duplicates: Share = Field(0.0, description=_SHARE)
    """The share that is sent twice, with the same `uuid`."""
    notice_shuffle: Share = Field(0.0, description=_SHARE)
    """The share that is held back until the session's next one has gone."""
    notice_hold: Seconds = Field(5.0, description=A_NUMBER_OF_SECONDS)
    """How long one is held back at most."""
    target_leg: Literal["report", "suppress"] = Field(
        "suppress", description='"report" or "suppress"'
    )
    """Whether events tell of the callee. By the guide they do not, where the callee does not
    belong to the account (docs/voice/telephony-session-notifications.md, "Current
    limitations")."""
    initiator_numbers: Literal["swapped", "straight"] = Field(
        "swapped", description='"swapped" or "straight"'
    )
    """Swapped, as seen in the field: the initiator's `from` is the callee."""
    ringout_role_in_events: bool = Field(default=False, description=_SWITCH)
    """RingCentral's schema of an event's party has no `ringOutRole`."""
    phantom_inbound: bool = Field(default=False, description=_SWITCH)
    """A second, inbound session beside each call, as seen where `from` is a RingCentral number."""
    account_events: bool = Field(default=True, description=_SWITCH)
    """Whether the user may subscribe to the whole account's sessions."""
    subscription_life: Seconds = Field(604800.0, description=A_NUMBER_OF_SECONDS)
    webhook_http: Literal["loopback", "any", "never"] = Field(
        "loopback", description='"loopback", "any" or "never"'
    )
    """Where a webhook's address may be plain http."""
    webhook_handshake: Seconds = Field(3.0, description=A_NUMBER_OF_SECONDS)
    """How long a webhook may take to answer the handshake."""
    webhook_timeout: Seconds = Field(3.0, description=A_NUMBER_OF_SECONDS)
    webhook_parallel: int = Field(1, ge=1, le=1000, description="a whole number from 1 to 1000")
    """Deliveries under way at once for one subscription; 1 keeps their order."""
    blacklist_failures: int = Field(1, ge=1, description="a whole number, 1 or more")
    """So many failures in a row, and ..."""
    blacklist_after: Seconds = Field(600.0, description=A_NUMBER_OF_SECONDS)
    """... failing for so long: the subscription is blacklisted."""
    blacklist_recovery: Seconds = Field(0.0, description=A_NUMBER_OF_SECONDS)
    """Every so long a blacklisted address is tried again; 0 for never, as the guide says."""
    renewal_mends: bool = Field(default=False, description=_SWITCH)
    """Whether renewing a blacklisted subscription makes it active again."""
    ws_token_life: Seconds = Field(30.0, description=A_NUMBER_OF_SECONDS)
    ws_idle: Seconds = Field(1800.0, description=A_NUMBER_OF_SECONDS)
    ws_absolute: Seconds = Field(86400.0, description=A_NUMBER_OF_SECONDS)
    ws_ping: Seconds = Field(20.0, description=A_NUMBER_OF_SECONDS)
    """How often the server sends a ping frame; its pong is due in half of that. 0 for never."""
    ws_recovery: Seconds = Field(180.0, description=A_NUMBER_OF_SECONDS)
    ws_recovery_buffer: int = Field(100, ge=1, description="a whole number, 1 or more")
