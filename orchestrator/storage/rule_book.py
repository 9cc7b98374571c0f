"""The key book's pages on the house's rules: who may ask, whom to ring, what was done by whom."""

from orchestrator.storage.entries import Entry

AUDIT_FIELDS = (
    ("schema", "version of these fields"),
    ("at", "RFC 3339: when it was done"),
    ("action", "such as call.accepted, house.paused, key.created"),
    ("owner", "the id of the key that did it; empty where none was needed"),
    ("actor", "what people call who did it"),
    ("via", "rest, mcp or cli"),
    ("about", "the id of what was acted on"),
    ("detail", "more, without numbers and secrets"),
)

RULE_BOOK = (
    Entry(
        "numbers-key",
        "string",
        "keys the digests of numbers, where RINGOUT_NUMBERS_KEY does not",
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
        "audit",
        "stream",
        "who did what, only ever added to",
        None,
        "dashboards",
        "trimmed by count",
        fields=AUDIT_FIELDS,
    ),
)
