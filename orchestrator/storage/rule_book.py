"""The key book's pages on the house's rules: who may ask, whom to ring, what was done by whom."""

from orchestrator.storage.entries import Entry

AUDIT_FIELDS = (
    ("schema", "version of these fields"),
    ("at", "RFC 3339: when it was done"),
    ("action", "such as call.accepted, house.paused, key.created"),
    ("owner", "the id of the key that did it; empty where none was needed"),
    ("actor", "what people call who did it, numbers masked"),
    ("via", "rest, mcp or cli"),
    ("about", "the id of what was acted on"),
    ("detail", "more, without numbers and secrets"),
)

KEY_FIELDS = (
    ("name", "what people call it"),
    ("scopes", "what it may ask for, separated by blanks"),
    ("createdAt", "RFC 3339"),
    ("expiresAt", "RFC 3339, where it does"),
    ("revokedAt", "RFC 3339, where it was"),
    ("secrets", "JSON: `hash` (SHA-256) of each secret and `until` when it serves (ms)"),
    ("callers", "digests of the phones that it may ring first, where not any"),
    ("forwardingNumbers", "RingCentral's ids of the same"),
    ("quotas", "calls/seconds, comma-separated"),
)

GRANT_FIELDS = (
    ("key", "the id of the key"),
    ("secret", "SHA-256 of the key's secret that it was given out for"),
    ("access", "SHA-256 of the access token"),
    ("until", "when the access token expires (ms)"),
    ("refresh", "SHA-256 of the refresh token"),
    ("used", "of each refresh token that was used, the first 16 digits of its SHA-256"),
    ("session", "SHA-256 of the session's cookie"),
)

PAUSE_FIELDS = (
    ("house", "the pause of the whole house"),
    ("key:<id>", "the pause of one key's calls"),
)

RULE_BOOK = (
    Entry(
        "api-keys",
        "sorted set",
        "the ids of all API keys, by when they were made (ms)",
        None,
        "processes only",
        "grows with `ringout keys create`; keys that were revoked stay",
    ),
    Entry(
        "api-keys:used",
        "hash",
        "when each key was used last, to the minute",
        None,
        "processes only",
        "one field a key",
    ),
    Entry(
        "api-key:<id>",
        "hash",
        "one API key, without its secret",
        None,
        "processes only",
        "grows with `ringout keys create`",
        fields=KEY_FIELDS,
    ),
    Entry(
        "grant:<id>",
        "hash",
        "what was given out in a key's place: a pair of tokens, or a session of the console",
        "7 days, 12 h for a session",
        "processes only",
        fields=GRANT_FIELDS,
    ),
    Entry(
        "grants:<kind>:<key>",
        "sorted set",
        "the ids of a key's `tokens` (pairs of them) or `sessions`, by when they expire "
        "(microseconds, server time)",
        "7 days, 12 h for sessions",
        "processes only",
        "at most 500: the oldest ends for a new one",
    ),
    Entry(
        "auth-failures:<sha256>",
        "string",
        "how many attempts to authenticate from an address have failed",
        "a minute",
        "processes only",
    ),
    Entry(
        "numbers-key",
        "string",
        "keys the digests of numbers; with RINGOUT_NUMBERS_KEY, a mark of that key",
        None,
        "processes only",
        "made up once",
    ),
    Entry(
        "suppressed",
        "set",
        "digests of the numbers that are never rung",
        None,
        "processes only",
        "grows with `ringout suppress add`",
    ),
    Entry(
        "velocity:<kind>:<whose>",
        "sorted set",
        "the calls accepted for a callee, for a caller, from a key or in the house, each by its "
        "digest, by when (ms, server time)",
        "the longest of its quotas",
        "processes only",
        "never more than its quotas let in",
    ),
    Entry(
        "click:<hmac>",
        "string",
        "the call that an owner's last click for the same two phones has made",
        "RINGOUT_DOUBLE_CLICK",
        "processes only",
    ),
    Entry(
        "paused",
        "hash",
        "whose calls are not placed now; a field a pause, as JSON (reason, by, since)",
        None,
        "dashboards",
        "grows with `ringout pause --key`; `ringout resume` takes out what it ends",
        fields=PAUSE_FIELDS,
    ),
    Entry(
        "audit",
        "stream",
        "who did what, only ever added to",
        None,
        "dashboards",
        "trimmed by count",
        fields=AUDIT_FIELDS,
    ),
)
