"""Every setting, read from the environment; docs/settings.md is made from this.

The seed's and RingCentral's own names stand as they are; all others begin with `RINGOUT_`.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from orchestrator.settings import checks, redis_urls, rule_checks
from orchestrator.settings.addresses import authority, reachable
from orchestrator.settings.rules import RuleSettings

Port = Annotated[int, Field(ge=0, le=65_535)]


class Settings(RuleSettings):
    """What the processes are told by their environment. Times are seconds."""

    model_config = SettingsConfigDict(
        case_sensitive=True, extra="ignore", env_ignore_empty=True, frozen=True
    )

    redis_url: Annotated[str, AfterValidator(redis_urls.redis_url)] = Field(
        "redis://127.0.0.1:6379/0",
        alias="REDIS_URL",
        description="Where Redis is: redis://, rediss:// (TLS) or unix://; a password is "
        "percent-encoded. With Sentinel, the host is the name of the monitored master.",
    )
    redis_sentinels: Annotated[str, AfterValidator(checks.sentinels)] = Field(
        "", alias="RINGOUT_REDIS_SENTINELS", description="Sentinels, host:port,host:port."
    )
    api_key: SecretStr | None = Field(
        None, alias="RINGCENTRAL_API_KEY", description="A static bearer token for RingCentral."
    )
    server_url: Annotated[str, AfterValidator(checks.http_url)] = Field(
        "https://platform.ringcentral.com",
        alias="RC_SERVER_URL",
        description="RingCentral's base URL.",
    )
    client_id: str | None = Field(
        None, alias="RC_APP_CLIENT_ID", description="RingCentral's JWT flow: the app's id."
    )
    client_secret: SecretStr | None = Field(
        None, alias="RC_APP_CLIENT_SECRET", description="RingCentral's JWT flow: its secret."
    )
    user_jwt: SecretStr | None = Field(
        None, alias="RC_USER_JWT", description="RingCentral's JWT flow: the user's credential."
    )
    credentials_file: str = Field(
        "",
        alias="RINGOUT_CREDENTIALS_FILE",
        description="Credentials of further extensions: the path of a JSON array of objects with "
        "name, account, extension, clientId, clientSecret and jwt.",
    )
    credentials_key: Annotated[SecretStr | None, AfterValidator(checks.credentials_key)] = Field(
        None,
        alias="RINGOUT_CREDENTIALS_KEY",
        description="At least 32 characters: encrypts the credentials that `ringout credentials "
        "add` keeps in Redis; the same for all processes.",
    )
    logins_a_minute: int = Field(
        4,
        alias="RINGOUT_LOGINS_A_MINUTE",
        ge=1,
        le=10_000,
        description="How often one app may log in; RingCentral allows 5 and suspends apps that "
        "ask for more.",
    )
    heavy_reserve: int = Field(
        1,
        alias="RINGOUT_HEAVY_RESERVE",
        ge=0,
        le=1_000,
        description="How many of an extension's heavy requests a minute are kept for cancels and "
        "reconciliation, except where so many come free within five seconds.",
    )
    light_reserve: int = Field(
        5,
        alias="RINGOUT_LIGHT_RESERVE",
        ge=0,
        le=1_000,
        description="The same for light requests.",
    )
    one_call_per_callee: bool = Field(
        default=False,
        alias="RINGOUT_ONE_CALL_PER_CALLEE",
        description="Whether an extension's calls to the same phone are made one at a time.",
    )
    one_call_per_caller: bool = Field(
        default=False,
        alias="RINGOUT_ONE_CALL_PER_CALLER",
        description="Whether calls from the same phone are made one at a time.",
    )
    account_calls: int = Field(
        0,
        alias="RINGOUT_ACCOUNT_CALLS",
        ge=0,
        le=100_000,
        description="How many calls an account may have going on at the same time; 0 for any "
        "number.",
    )
    rest_host: str = Field("127.0.0.1", alias="RINGOUT_REST_HOST", description="REST: address.")
    rest_port: Port = Field(8080, alias="RINGOUT_REST_PORT", description="REST: port.")
    mcp_host: str = Field("127.0.0.1", alias="RINGOUT_MCP_HOST", description="MCP: address.")
    mcp_port: Port = Field(9090, alias="RINGOUT_MCP_PORT", description="MCP: port.")
    mcp_allowed_hosts: Annotated[str, AfterValidator(rule_checks.names)] = Field(
        "",
        alias="RINGOUT_MCP_ALLOWED_HOSTS",
        description="Further Host headers that MCP answers to besides its own address, exactly as "
        "clients send them (comma-separated; without a port behind a proxy on 80 or 443).",
    )
    mcp_state_keys: Annotated[SecretStr | None, AfterValidator(checks.state_keys)] = Field(
        None,
        alias="RINGOUT_MCP_STATE_KEYS",
        description="Keys of at least 32 characters, comma-separated, newest first, that all MCP "
        "replicas share to seal what they hand to clients; made up at start where not given.",
    )
    simulator_port: Port = Field(
        9301, alias="RINGOUT_SIMULATOR_PORT", description="The simulator's port."
    )
    public_url: Annotated[str, AfterValidator(checks.http_url)] | None = Field(
        None,
        alias="RINGOUT_PUBLIC_URL",
        description="How clients reach REST from outside: begins every call's uri. Default: the "
        "REST address.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", alias="RINGOUT_LOG_LEVEL", description="The least important kind of log line shown."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto",
        alias="RINGOUT_LOG_FORMAT",
        description="auto is console on a terminal and json elsewhere.",
    )
    upstream_timeout: float = Field(
        10.0,
        alias="RINGOUT_UPSTREAM_TIMEOUT",
        ge=0.1,
        le=20,
        description="How long an answer of RingCentral's is waited for.",
    )
    retention: int = Field(
        72 * 3600,
        alias="RINGOUT_RETENTION",
        ge=86_400,
        le=30 * 86_400,
        description="How long an ended call can be read; not less than an idempotency key lives.",
    )
    longest_call: int = Field(
        6 * 3600,
        alias="RINGOUT_LONGEST_CALL",
        ge=60,
        le=86_400,
        description="How long a call is followed before it ends as unknown.",
    )
    events_kept: int = Field(
        100_000,
        alias="RINGOUT_EVENTS_KEPT",
        ge=1_000,
        le=10_000_000,
        description="About how many events the stream keeps.",
    )
    events_max_age: int = Field(
        7 * 86_400,
        alias="RINGOUT_EVENTS_MAX_AGE",
        ge=3_600,
        le=365 * 86_400,
        description="About how long the stream keeps an event, where not dropped by count before.",
    )
    sse_clients: int = Field(
        1_000,
        alias="RINGOUT_SSE_CLIENTS",
        ge=1,
        le=100_000,
        description="How many event streams one REST process has open at the same time.",
    )
    worker_jobs: int = Field(
        200,
        alias="RINGOUT_WORKER_JOBS",
        ge=1,
        le=5_000,
        description="How many jobs one worker runs at the same time.",
    )
    worker_metrics_host: str = Field(
        "127.0.0.1", alias="RINGOUT_WORKER_METRICS_HOST", description="Worker's metrics: address."
    )
    worker_metrics_port: Port = Field(
        0,
        alias="RINGOUT_WORKER_METRICS_PORT",
        description="Worker's metrics and probes: port; 0 for none.",
    )
    webhook_targets: Literal["public", "private", "any"] = Field(
        "public",
        alias="RINGOUT_WEBHOOK_TARGETS",
        description="Where webhooks may be sent: public is the internet alone, private also "
        "one's own network (and http URLs), any also loopback and link-local addresses.",
    )
    webhook_timeout: float = Field(
        15.0,
        alias="RINGOUT_WEBHOOK_TIMEOUT",
        ge=0.1,
        le=20,
        description="How long one attempt at a delivery may take.",
    )
    webhook_ladder: Annotated[str, AfterValidator(checks.ladder)] = Field(
        "5,30,120,600,3600,21600,86400",
        alias="RINGOUT_WEBHOOK_LADDER",
        description="The waits after failed attempts at a delivery; after the last it is dead.",
    )
    webhook_disable_after: int = Field(
        86_400,
        alias="RINGOUT_WEBHOOK_DISABLE_AFTER",
        ge=0,
        le=30 * 86_400,
        description="A webhook is disabled when it has only failed for this long, at least 50 "
        "times.",
    )
    webhook_kept: int = Field(
        86_400,
        alias="RINGOUT_WEBHOOK_KEPT",
        ge=60,
        le=30 * 86_400,
        description="How long a delivery that was made can be seen; a dead one is kept as long as "
        "a call.",
    )
    callback_secret: Annotated[SecretStr | None, AfterValidator(checks.callback_secret)] = Field(
        None,
        alias="RINGOUT_CALLBACK_SECRET",
        description="Signs what is sent to a call's callbackUrl: whsec_ and base64; without it "
        "no call may have one.",
    )
    notifications: Literal["websocket", "webhook", "off"] = Field(
        "websocket",
        alias="RINGOUT_NOTIFICATIONS",
        description="How RingCentral tells of the calls' changes: websocket needs no public "
        "address, webhook needs RINGOUT_PUBLIC_URL; off leaves them to be looked at alone.",
    )
    preflight: Literal["on", "off"] = Field(
        "on",
        alias="RINGOUT_PREFLIGHT",
        description="Whether processes check Redis, and one worker the credentials, in the "
        "background when they start, and log what is not right.",
    )
    cadence_factor: float = Field(
        1.0,
        alias="RINGOUT_CADENCE_FACTOR",
        gt=0,
        le=10,
        description="Multiplies every wait before RingCentral is looked at again; below 1 for a "
        "simulator whose clock runs fast.",
    )

    @property
    def has_jwt(self) -> bool:
        """Whether all three parts of RingCentral's JWT flow are given."""
        return None not in (self.client_id, self.client_secret, self.user_jwt)

    @property
    def base_url(self) -> str:
        """What a call's `uri` begins with."""
        if self.public_url is not None:
            return self.public_url
        scheme = "https" if self.tls_certificate else "http"
        return f"{scheme}://{authority(reachable(self.rest_host), self.rest_port)}"

    @property
    def ladder(self) -> tuple[float, ...]:
        """The waits after failed attempts at a delivery."""
        return tuple(float(step) for step in self.webhook_ladder.split(","))

    @property
    def sentinels(self) -> list[tuple[str, int]]:
        """The Sentinels' addresses."""
        pairs = (part.rpartition(":") for part in self.redis_sentinels.split(",") if part)
        return [(host, int(port)) for host, _, port in pairs]
