"""The settings of the house's rules: who may ask, whom to ring, how often, what is remembered, and
what is let in at the edge.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings

from orchestrator.settings import rule_checks as checks

Quotas = Annotated[str, AfterValidator(checks.quotas)]


class RuleSettings(BaseSettings):
    """Times are seconds."""

    own_key: SecretStr | None = Field(
        None,
        alias="RINGOUT_API_KEY",
        description="The key (ringout_live_...) that the commands of a person, such as `ringout "
        "call`, show to REST.",
    )
    oidc_issuer: Annotated[str, AfterValidator(checks.issuer)] = Field(
        "",
        alias="RINGOUT_OIDC_ISSUER",
        description="The identity provider whose access tokens are taken beside API keys, as its "
        "`iss` says; https, unless it is on this machine.",
    )
    oidc_audience: str = Field(
        "",
        alias="RINGOUT_OIDC_AUDIENCE",
        description="Who the provider's tokens must be for (`aud`); needed with an issuer.",
    )
    oidc_jwks_url: Annotated[str, AfterValidator(checks.issuer)] = Field(
        "",
        alias="RINGOUT_OIDC_JWKS_URL",
        description="Where the provider's keys are; default: as its discovery document says.",
    )
    mcp_public_url: Annotated[str, AfterValidator(checks.origin)] = Field(
        "",
        alias="RINGOUT_MCP_PUBLIC_URL",
        description="How clients reach MCP from outside, without the path /mcp, such as "
        "https://mcp.example.com; default: its own address.",
    )
    auth_failures: int = Field(
        20,
        alias="RINGOUT_AUTH_FAILURES",
        ge=1,
        le=100_000,
        description="How many attempts to authenticate may fail in a minute from one address.",
    )
    default_region: Annotated[str, AfterValidator(checks.region)] = Field(
        "US",
        alias="RINGOUT_DEFAULT_REGION",
        description="The region (ISO 3166, two letters) that may be rung where RINGOUT_REGIONS "
        "names none.",
    )
    regions: Annotated[str, AfterValidator(checks.regions)] = Field(
        "",
        alias="RINGOUT_REGIONS",
        description="The regions whose numbers may be rung, comma-separated, such as US,CA,GB; "
        "default: RINGOUT_DEFAULT_REGION alone.",
    )
    denied_prefixes_file: str = Field(
        "",
        alias="RINGOUT_DENIED_PREFIXES_FILE",
        description="Numbers that are never rung: the path of a text file with a prefix in E.164 "
        "form a line, # before a comment.",
    )
    numbers_key: Annotated[SecretStr | None, AfterValidator(checks.numbers_key)] = Field(
        None,
        alias="RINGOUT_NUMBERS_KEY",
        description="At least 32 characters: keys the digests by which numbers are known where "
        "they are not kept; the same for all processes, for ever. Default: one made up and kept "
        "in Redis.",
    )
    velocity_callee: Quotas = Field(
        "1/60,3/900,5/3600,10/10800",
        alias="RINGOUT_VELOCITY_CALLEE",
        description="How often one phone may be called: calls/seconds, comma-separated; `off` for "
        "any number.",
    )
    velocity_caller: Quotas = Field(
        "off",
        alias="RINGOUT_VELOCITY_CALLER",
        description="How often one phone may be the caller, in the same form.",
    )
    velocity_key: Quotas = Field(
        "off",
        alias="RINGOUT_VELOCITY_KEY",
        description="How many calls each key may make, in the same form; a key may have quotas of "
        "its own besides.",
    )
    velocity_house: Quotas = Field(
        "off",
        alias="RINGOUT_VELOCITY_HOUSE",
        description="How many calls the whole house may make, in the same form, such as "
        "5000/86400 for a day.",
    )
    double_click: int = Field(
        5,
        alias="RINGOUT_DOUBLE_CLICK",
        ge=0,
        le=60,
        description="A second wish for a call between the same two phones within so many seconds "
        "is answered with the first call; 0 for never.",
    )
    mcp_confirmation: Literal["required", "when-possible", "off"] = Field(
        "when-possible",
        alias="RINGOUT_MCP_CONFIRMATION",
        description="Whether a person is asked before an agent's call is placed: required refuses "
        "agents whose client cannot ask one, when-possible does not.",
    )
    audit_kept: int = Field(
        1_000_000,
        alias="RINGOUT_AUDIT_KEPT",
        ge=1_000,
        le=100_000_000,
        description="About how many entries the audit stream keeps.",
    )
    allowed_hosts: Annotated[str, AfterValidator(checks.names)] = Field(
        "",
        alias="RINGOUT_ALLOWED_HOSTS",
        description="Further Host headers that REST answers to besides its own address, IP "
        "addresses and RINGOUT_PUBLIC_URL, as clients send them (comma-separated).",
    )
    allowed_origins: Annotated[str, AfterValidator(checks.origins)] = Field(
        "",
        alias="RINGOUT_ALLOWED_ORIGINS",
        description="Origins, comma-separated, whose pages may use REST and MCP besides its own "
        "console, such as https://crm.example.com.",
    )
    trusted_proxies: Annotated[str, AfterValidator(checks.networks)] = Field(
        "",
        alias="RINGOUT_TRUSTED_PROXIES",
        description="Addresses or networks, comma-separated, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed.",
    )
    tls_certificate: str = Field(
        "",
        alias="RINGOUT_TLS_CERT",
        description="Serves REST and MCP over TLS: the path of the certificate chain (PEM).",
    )
    tls_key: str = Field(
        "", alias="RINGOUT_TLS_KEY", description="The path of its private key (PEM)."
    )
    most_requests: int = Field(
        2_000,
        alias="RINGOUT_MOST_REQUESTS",
        ge=1,
        le=100_000,
        description="How many requests one front end works on at the same time; further ones are "
        "told to come again.",
    )
    sse_clients_per_key: int = Field(
        100,
        alias="RINGOUT_SSE_CLIENTS_PER_KEY",
        ge=1,
        le=100_000,
        description="How many event streams one key may have open at one REST process.",
    )

    @property
    def allowed_regions(self) -> frozenset[str]:
        """The regions whose numbers may be rung."""
        return frozenset((self.regions or self.default_region).split(","))
