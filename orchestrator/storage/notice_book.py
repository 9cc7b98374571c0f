"""The key book's pages on RingCentral's notifications: who listens, and what was heard."""

from orchestrator.storage.entries import Entry

NOTICE_BOOK = (
    Entry(
        "feed:<credential>",
        "hash",
        "how the notifications of a credential's calls stand",
        "20 s after the listener's last word",
        "dashboards",
        fields=(
            ("transport", "websocket or webhook"),
            ("state", "listening, connecting, lost or refused"),
            ("detail", "why, a code; empty where all is well"),
            ("since", "RFC 3339, UTC: since when it stands like this"),
            ("sinceAt", "the same (ms), by the server's clock"),
            ("lastEvent", "RFC 3339, UTC: when a ring-out was told of last; absent: never yet"),
            ("subscription", "RingCentral's id of a webhook's subscription, behind `rc_`"),
            ("suspect", "a call that was found over without a notice of it"),
            ("suspectAt", "when (ms): five seconds later, the feed is in doubt for a minute"),
        ),
    ),
    Entry(
        "feeds",
        "sorted set",
        "the credentials by which notifications come, by the listener's last word (ms)",
        "20 s after the last word of any listener",
        "dashboards",
    ),
    Entry(
        "listening:<credential>",
        "string",
        "which worker listens",
        "15 s",
        "dashboards",
    ),
    Entry(
        "heard:<session>",
        "hash",
        "what was told of a telephony session",
        "15 min after the last notice of it",
        "processes only",
        fields=(
            ("began", "the time of its first notice (ms)"),
            ("party:<id>", "the highest sequence told of a party"),
            ("last", "the id of the last request that brought news"),
        ),
    ),
)
