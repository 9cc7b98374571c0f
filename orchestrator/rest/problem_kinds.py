"""The kinds of problems: what each code means, and the statuses that it may come with."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.edge import rules

MOST_BODY = 64 * 1024


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem; `statuses` are those it may come with (`4XX`: RingCentral's own)."""

    title: str
    meaning: str
    statuses: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "malformed_request": Kind(
        "Malformed request",
        "The request could not be read: its HTTP, its JSON, or a header named in `errors`.",
        ("400",),
    ),
    "misdirected_request": Kind(
        "Not served under this name",
        "The Host header names none of this service's hosts: its address, that of "
        "RINGOUT_PUBLIC_URL, and those in RINGOUT_ALLOWED_HOSTS.",
        ("421",),
    ),
    "origin_not_allowed": Kind(
        "Origin not allowed",
        "The request comes from a page of another origin, which is not listed in "
        "RINGOUT_ALLOWED_ORIGINS.",
        ("403",),
    ),
    "target_too_long": Kind(
        "Target too long", rules.LONG_TARGET.detail + " Nothing was done.", ("414",)
    ),
    "headers_too_large": Kind(
        "Headers too large", rules.LARGE_HEAD.detail + " Nothing was done.", ("431",)
    ),
    "too_busy": Kind(
        "Too busy",
        "The process works on as many requests as it may. Nothing was done: ask again after "
        "`Retry-After`, or ask another.",
        ("503",),
    ),
    "not_found": Kind("No such page", "Nothing is served at this path.", ("404",)),
    "unauthenticated": Kind(
        "Unauthenticated",
        "There are no credentials, or none that are valid. `WWW-Authenticate` says what is taken.",
        ("401",),
    ),
    "insufficient_scope": Kind(
        "Insufficient scope",
        "The credentials are valid and do not have the scope that `detail` names.",
        ("403",),
    ),
    "too_many_failures": Kind(
        "Too many failed attempts",
        "Too many attempts to authenticate from this address have failed. Ask again after "
        "`Retry-After`.",
        ("429",),
    ),
    "refused_by_policy": Kind(
        "Refused by a policy",
        "A rule of this house, named in `policy`, forbids the call. Nothing was done.",
        ("422",),
    ),
    "confirmation_required": Kind(
        "Confirmation required",
        "A person must be asked before an agent's call is made, and the agent's client cannot ask "
        "one. Nothing was done. Only MCP says this.",
        ("422",),
    ),
    "confirmation_declined": Kind(
        "Declined by a person",
        "A person was asked before an agent's call was made, and said no or did not answer. "
        "Nothing was done. Only MCP says this.",
        ("422",),
    ),
    "velocity_exceeded": Kind(
        "Too many calls",
        "As many calls as may be were accepted lately, by the rule named in `policy`. Nothing was "
        "done. `Retry-After` and `RateLimit` say when there is room again.",
        ("429",),
    ),
    "call_not_found": Kind(
        "No such call", "Neither this service nor RingCentral knows a call by this id.", ("404",)
    ),
    "webhook_not_found": Kind("No such webhook", "There is no webhook by this id.", ("404",)),
    "delivery_not_found": Kind(
        "No such delivery",
        "There is no delivery by this id, or it is not kept any more, or its webhook was deleted.",
        ("404",),
    ),
    "webhook_disabled": Kind(
        "Webhook disabled",
        "The webhook is disabled: nothing is sent to it before it is enabled.",
        ("409",),
    ),
    "too_many_webhooks": Kind(
        "Too many webhooks", "There are as many webhooks as there may be: delete one.", ("409",)
    ),
    "method_not_allowed": Kind(
        "Method not allowed", "`Allow` lists the methods that this path takes.", ("405",)
    ),
    "request_timeout": Kind("Request timed out", "The body did not arrive in time.", ("408",)),
    "call_withdrawn": Kind(
        "Call withdrawn",
        "The call ended, cancelled or expired, before RingCentral was asked: nobody was rung.",
        ("409",),
    ),
    "body_too_large": Kind(
        "Body too large", f"A body may have at most {MOST_BODY} bytes.", ("413",)
    ),
    "unsupported_media_type": Kind(
        "Unsupported media type",
        "The body must be application/json in UTF-8, without a content coding.",
        ("415",),
    ),
    "expectation_failed": Kind(
        "Expectation failed", "The only expectation that is met is 100-continue.", ("417",)
    ),
    "invalid_field": Kind(
        "Invalid field",
        "The request was read, and the fields named in `errors` are not usable. Nothing was done.",
        ("422",),
    ),
    "idempotency_key_reused": Kind(
        "Idempotency key reused",
        "The Idempotency-Key was used within 24 hours for another request. Nothing was done.",
        ("422",),
    ),
    "ringcentral_refused": Kind(
        "RingCentral refused",
        "RingCentral understood and said no; nobody is rung. The status and `errorCode` are "
        "RingCentral's.",
        ("4XX",),
    ),
    "ringcentral_gone": Kind(
        "Unknown to RingCentral", "RingCentral does not know this ring-out, or no longer.", ("404",)
    ),
    "ringcentral_rate_limited": Kind(
        "RingCentral's rate limit",
        "RingCentral must not be asked before `Retry-After` has passed. Nothing was sent.",
        ("429",),
    ),
    "ringcentral_failed": Kind(
        "RingCentral failed",
        "RingCentral was asked and gave no answer (504) or none that can be used (502).",
        ("502", "504"),
    ),
    "ringcentral_unavailable": Kind(
        "RingCentral unavailable", "RingCentral could not be reached. Nothing was sent.", ("503",)
    ),
    "storage_unavailable": Kind(
        "Storage unavailable", "Redis did not answer in time. Nothing was done.", ("503",)
    ),
    "identity_unavailable": Kind(
        "Identity provider unavailable",
        "The token could not be checked: the keys of the identity provider that signs them could "
        "not be had. Nothing was done.",
        ("503",),
    ),
    "too_many_streams": Kind(
        "Too many streams",
        "The process has as many open event streams as it may. Ask again after `Retry-After`.",
        ("503",),
    ),
    "not_ready": Kind(
        "Not ready", "Redis is away, or the process is on its way out: ask another.", ("503",)
    ),
    "internal_error": Kind(
        "Internal error", "An error of this service, not of the request; it is logged.", ("500",)
    ),
}
