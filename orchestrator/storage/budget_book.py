"""The key book's pages on credentials, and on what each of them may still ask of RingCentral."""

from orchestrator.storage.entries import Entry

_GATE_FIELDS = (
    ("until", "nobody may send before (ms)"),
    ("probe", "the request that goes first after it"),
    ("probeUntil", "until when the others wait for it (ms)"),
)

BUDGET_BOOK = (
    Entry(
        "gate:<credential>:<group>",
        "string",
        "present while nobody may send to this bucket",
        "the penalty",
        "dashboards",
    ),
    Entry(
        "account-gate:<account>",
        "hash",
        "a penalty of the account, until a request was answered after it",
        "the penalty and an hour",
        "dashboards",
        fields=_GATE_FIELDS,
    ),
    Entry(
        "house-gate",
        "hash",
        "a penalty for everything that is sent, until a request was answered after it",
        "the penalty and an hour",
        "dashboards",
        fields=_GATE_FIELDS,
    ),
    Entry(
        "allowance:<credential>:<group>",
        "hash",
        "what RingCentral last said of the bucket",
        "a day after its last use",
        "dashboards",
        fields=(
            ("limit", "requests a window; absent until RingCentral has said it"),
            ("remaining", "of them, as RingCentral said last"),
            ("window", "milliseconds"),
            ("seen", "when RingCentral last answered (ms); absent: one request goes first"),
            ("canary", "present after a penalty, until a request was answered"),
            ("probe", "the request that goes first"),
            ("probeUntil", "until when the others wait for it (ms)"),
            ("careUntil", "until when the reserve is kept for a cancel that waits (ms)"),
        ),
    ),
    Entry(
        "spent:<credential>:<group>",
        "sorted set",
        "the requests that count in the window, by when they were answered (ms); one under way "
        "by when it will be over at the latest",
        "two windows",
        "dashboards",
    ),
    Entry(
        "buckets",
        "sorted set",
        "the buckets in use, `<credential> <group>`, by last use (ms)",
        None,
        "dashboards",
        "the sweep drops those not used for as long as a call is kept",
    ),
    Entry(
        "calls:waiting:<credential>",
        "sorted set",
        "the calls that wait to be placed, in order of acceptance (ms)",
        "a day after its last use",
        "dashboards",
        "a call leaves it when RingCentral is asked, or when it ends",
    ),
    Entry(
        "on-line:<kind>:<hmac>",
        "string",
        "the call that a phone is kept for, where calls to or from one are made one at a time",
        "as long as a call is followed",
        "processes only",
        "passes to the next call when that one has ended, or is held back before it is asked for",
    ),
    Entry(
        "line-queue:<hmac>",
        "sorted set",
        "the calls of a credential that wait for a phone or for the cap of their account, in "
        "order of acceptance (ms)",
        "a day after its last use",
        "processes only",
        "a call leaves it when it has what it waited for, or is held back; one that has ended when "
        "it is the first",
    ),
    Entry(
        "account-calls:<account>",
        "sorted set",
        "the calls that count against the cap of their account, by when they began (ms)",
        "as long as a call is followed",
        "dashboards",
    ),
    Entry(
        "credentials",
        "hash",
        "the credentials that were added, by name: JSON, secrets encrypted",
        None,
        "processes only",
        "as many as were added",
    ),
    Entry(
        "credentials:version",
        "string",
        "the id of the last change: another one after every credential added or removed",
        None,
        "processes only",
        "one value",
    ),
    Entry(
        "parked",
        "hash",
        "the credentials that RingCentral refuses, by name: JSON with `since`, `code`, `detail`",
        None,
        "dashboards",
        "at most one field a credential; dropped when it is accepted again, replaced or removed",
    ),
)
