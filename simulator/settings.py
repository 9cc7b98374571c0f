"""What the simulator can be told: at its start, by the environment, and while it runs.

`SimulatorSettings` is fixed for the life of a process; its fields are the variables
`RINGOUT_SIMULATOR_<FIELD>`. `Tuning` is what `POST /__sim/settings` changes. Each field's
description says what its value should be, and is what a refusal quotes.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from simulator.durations import A_NUMBER_OF_SECONDS, Lag, Seconds, Strict
from simulator.limits import DEFAULT_LIMITS, Limits
from simulator.push_tuning import PushTuning
from simulator.scenarios import SCENARIOS

PREFIX = "RINGOUT_SIMULATOR_"


class SettingsRefused(ValueError):
    """A setting that is unknown or malformed; its text is one line naming it."""


def _known_scenario(name: str) -> str:
    if name not in SCENARIOS:
        raise ValueError(f"no scenario {name!r}")
    return name


def _parsable_limits(text: str) -> str:
    Limits.parse(text)
    return text


LimitsText = Annotated[str, AfterValidator(_parsable_limits)]

_SWITCH = "true or false"
_LIMITS = '"off" or a list like heavy=10/60,medium=40/60,light=50/60,auth=5/60,penalty=60'


_SCOPE = "ReadAccounts ReadCallLog ReadPresence RingOut"
_PERMISSIONS = "RingCentral's permission names, separated by spaces"


class Tuning(PushTuning):
    """Everything `POST /__sim/settings` can change; see simulator/admin.py for the route."""

    limits: LimitsText = Field(DEFAULT_LIMITS, description=_LIMITS)
    scale_limits: bool = Field(default=False, description=_SWITCH)
    retry_after: bool = Field(default=True, description=_SWITCH)
    auth_limit_by: Literal["app", "user"] = Field("app", description='"app" or "user"')
    retention: Seconds = Field(60.0, description=A_NUMBER_OF_SECONDS)
    after_retention: Literal["404", "no_session_found"] = Field(
        "404", description='"404" or "no_session_found"'
    )
    delete_mode: Literal["strict", "lenient"] = Field("strict", description='"strict" or "lenient"')
    id_mode: Literal["session", "base64", "integer"] = Field(
        "session", description='"session", "base64" or "integer"'
    )
    ids_equal: bool = Field(default=True, description=_SWITCH)
    active_calls_lag: Lag = Field((3.0, 10.0), description="two rising numbers of seconds")
    active_calls_kept: Seconds = Field(120.0, description=A_NUMBER_OF_SECONDS)
    active_calls_after_leg1: bool = Field(default=False, description=_SWITCH)
    presence_lag: Lag = Field((0.0, 0.5), description="two rising numbers of seconds")
    """How old the state is that presence shows."""
    presence_calls: int = Field(0, ge=0, description="a whole number, 0 for all of them")
    """So many calls presence lists at most, the latest. RingCentral's schema of the presence event
    says 7, that of the answer to a request says nothing."""
    session_retention: Seconds = Field(60.0, description=A_NUMBER_OF_SECONDS)
    """How long a telephony session can be read after its end."""
    max_calls_per_extension: int = Field(0, ge=0, description="a whole number, 0 for no cap")
    max_calls_per_account: int = Field(0, ge=0, description="a whole number, 0 for no cap")
    capped_after: Seconds = Field(0.2, description=A_NUMBER_OF_SECONDS)
    """When a call beyond a cap is over."""
    capped_shows: Literal["404", "error"] = Field("404", description='"404" or "error"')
    """What a call beyond a cap shows then: nothing, or GenericError."""
    disabled_features: str = Field(
        "", description="names of extension features, separated by spaces"
    )
    call_log_lag: Lag = Field((15.0, 30.0), description="two rising numbers of seconds")
    call_log_legs: Literal["both", "one"] = Field("both", description='"both" or "one"')
    seed: int = Field(1, description="a whole number")
    api_key_valid: bool = Field(default=True, description=_SWITCH)
    token_life: Seconds = Field(3600.0, description=A_NUMBER_OF_SECONDS)
    refresh_token_life: Seconds = Field(604800.0, description=A_NUMBER_OF_SECONDS)
    issue_refresh_tokens: bool = Field(default=False, description=_SWITCH)
    max_sessions: int = Field(5, ge=1, le=1000, description="a whole number from 1 to 1000")
    scope: str = Field(_SCOPE, description=_PERMISSIONS)
    default_from: str = Field("", description="a phone number, or nothing: `from` is required")
    prompt_default: bool = Field(default=False, description=_SWITCH)
    default_scenario: Annotated[str, AfterValidator(_known_scenario)] = Field(
        "happy", description="a name listed by GET /__sim/scenarios"
    )

    def changed(self, changes: Mapping[str, Any]) -> "Tuning":
        """These settings with some changed; raises SettingsRefused naming the first bad one."""
        try:
            return Tuning.model_validate({**self.model_dump(), **changes})
        except ValidationError as error:
            raise SettingsRefused(_explained(error, Tuning, "")) from None


class SimulatorSettings(Strict):
    """How a simulator starts. `tuning` is not read from the environment."""

    host: str = Field("127.0.0.1", min_length=1, description="an address to listen on")
    port: int = Field(9301, ge=0, le=65535, description="a port from 0 (any free one) to 65535")
    speed: float = Field(
        1.0, gt=0, le=10**6, allow_inf_nan=False, description="a number above 0, up to 1000000"
    )
    limits: LimitsText = Field(DEFAULT_LIMITS, description=_LIMITS)
    scale_limits: bool = Field(default=False, description=_SWITCH)
    api_key: str = Field("simulator-key", min_length=1, description="a bearer token")
    client_id: str = Field("simulator-client", min_length=1, description="an application's id")
    client_secret: str = Field(
        default="simulator-secret", min_length=1, description="an application's secret"
    )
    jwt: str = Field("simulator-jwt", min_length=1, description="a JWT credential")
    extensions: int = Field(9999, ge=1, le=9999, description="a whole number from 1 to 9999")
    accounts: int = Field(1, ge=1, le=100, description="a whole number from 1 to 100")
    scope: str | None = Field(None, description=_PERMISSIONS)
    tuning: Tuning = Field(default_factory=Tuning)

    def first_tuning(self) -> Tuning:
        """The tuning a world starts with, and returns to on a reset."""
        return self.tuning.model_copy(
            update={
                "limits": self.limits,
                "scale_limits": self.scale_limits,
                "scope": self.tuning.scope if self.scope is None else self.scope,
            }
        )


def from_environment(environment: Mapping[str, str]) -> SimulatorSettings:
    """Settings from `RINGOUT_SIMULATOR_*`; raises SettingsRefused naming the variable."""
    given = {name: value for name, value in sorted(environment.items()) if name.startswith(PREFIX)}
    known = {f"{PREFIX}{field.upper()}" for field in SimulatorSettings.model_fields}
    known.discard(f"{PREFIX}TUNING")
    for name in given:
        if name not in known:
            raise SettingsRefused(f"{name} is not a setting of the simulator; it should be unset")
    values = {name.removeprefix(PREFIX).lower(): value for name, value in given.items()}
    try:
        return SimulatorSettings.model_validate(values)
    except ValidationError as error:
        raise SettingsRefused(_explained(error, SimulatorSettings, PREFIX)) from None


def _explained(error: ValidationError, model: type[BaseModel], prefix: str) -> str:
    field = str(error.errors(include_url=False)[0]["loc"][0])
    name = f"{prefix}{field.upper()}" if prefix else field
    if field not in model.model_fields:
        return f"{name} is not a setting of the simulator"
    return f"{name} should be {model.model_fields[field].description}"
