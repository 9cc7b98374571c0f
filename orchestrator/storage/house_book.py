"""The key book's pages on the house as a whole: what there is now, what there has been, who works.

Dashboards that take whatever looks like a number for one read these: so a name never does (ids are
prefixed, a version begins with `v`), and what is a number is one.
"""

from orchestrator.domain.words import Outcome, State
from orchestrator.storage.entries import Entry

STATS_FIELDS = (
    *((f"calls_{state}", f"calls that are {state}") for state in State),
    ("liveCalls", "calls that have not ended"),
    ("queueReady", "jobs that are due and that no worker has"),
    ("queueDeferred", "jobs that are due later; those under way count here, until their lease"),
    ("queueOldestSeconds", "how long the oldest ready job has been due, 0 where none is"),
    ("looksOverdue", "looks at live calls that have been due for more than 5 seconds"),
    ("looksOldestSeconds", "how long the most overdue look has been due, 0 where none is"),
    ("gate_<credential>_<group>_seconds", "how long nobody may send to this bucket; 0: open"),
    ("budget_<credential>_<group>_left", "requests left in the window; absent where not limited"),
    ("budget_<credential>_<group>_limit", "requests a window, with the one above"),
    ("deliveriesPending", "webhook deliveries not made yet"),
    ("deliveriesDead", "webhook deliveries given up"),
    ("deliveriesOldestSeconds", "age of the oldest pending delivery, 0 where there is none"),
    ("credentialsParked", "credentials that RingCentral refuses"),
    ("feedsHealthy", "credentials by which RingCentral's notifications come"),
    ("paused", "`yes` while no calls are placed, else `no`"),
    ("pausedReason", "why, as who paused it has put it; may be empty"),
    ("pausedKeys", "keys whose calls are not placed"),
    ("workersAlive", "workers heard of within the last 15 seconds"),
    ("updatedAt", "RFC 3339, UTC: when all this was counted, by the clock of Redis"),
)

TOTALS_FIELDS = (
    ("accepted", "calls accepted here"),
    ("adopted", "ring-outs that RingCentral had already when they were first asked for here"),
    ("cancels_requested", "calls whose owner asked for a cancel"),
    *((f"ended_{outcome}", f"calls ended {outcome}") for outcome in Outcome),
    ("events_lost", "events that were not kept until the webhooks were told of them"),
)

WORKER_FIELDS = (
    ("host", "host and process id, as `host:pid`"),
    ("version", "of this product, behind a `v`"),
    ("startedAt", "RFC 3339, UTC"),
    ("beatAt", "RFC 3339, UTC: when this was written"),
    ("jobs", "jobs under way"),
    ("looks", "looks at live calls under way"),
    ("draining", "`yes` from SIGTERM on, else `no`"),
)

HOUSE_BOOK = (
    Entry(
        "stats",
        "hash",
        "how the house stands, counted every 5 seconds",
        "a minute",
        "dashboards",
        "no worker, no stats: what is old goes away rather than mislead",
        fields=STATS_FIELDS,
    ),
    Entry(
        "totals",
        "hash",
        "how much there has been, exact: counted with each change; a field comes with the first",
        None,
        "dashboards",
        "a field an outcome",
        fields=TOTALS_FIELDS,
    ),
    Entry("reporter", "string", "which worker counts the stats", "a few seconds", "dashboards"),
    Entry(
        "preflight",
        "string",
        "which worker checks the credentials after a start",
        "a few minutes",
        "dashboards",
    ),
    Entry(
        "workers",
        "sorted set",
        "workers by their last beat (ms, server time)",
        None,
        "dashboards",
        "each beat drops those not heard of for a minute",
    ),
    Entry(
        "worker:<id>",
        "hash",
        "one worker, as of its last beat",
        "20 s",
        "dashboards",
        fields=WORKER_FIELDS,
    ),
)
