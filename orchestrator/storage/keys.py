"""The key book: every key this product writes, with its type, its fields, how long it lives and
who may read it. docs/redis-schema.md is made from it.

All keys carry one hash tag, so that every script is legal on a cluster; that puts them into one
slot, which is the price of an event that cannot disagree with the change it tells of.
"""

import hashlib

from orchestrator.domain.words import State
from orchestrator.storage.budget_book import BUDGET_BOOK
from orchestrator.storage.call_book import CALL_FIELDS, EVENT_FIELDS
from orchestrator.storage.entries import Entry
from orchestrator.storage.house_book import HOUSE_BOOK
from orchestrator.storage.notice_book import NOTICE_BOOK
from orchestrator.storage.rule_book import RULE_BOOK
from orchestrator.storage.webhook_book import WEBHOOK_BOOK

TAG = "{ringout}"
PREFIX = f"ringout:v1:{TAG}:"

AUDIT = f"{PREFIX}audit"
BUCKETS = f"{PREFIX}buckets"
CALLS = f"{PREFIX}calls"
CREDENTIALS = f"{PREFIX}credentials"
CREDENTIALS_VERSION = f"{PREFIX}credentials:version"
EVENTS = f"{PREFIX}events"
LOOKS = f"{PREFIX}looks"
NUMBERS_KEY = f"{PREFIX}numbers-key"
PARKED = f"{PREFIX}parked"
PAUSED = f"{PREFIX}paused"
PLACINGS = f"{PREFIX}placings"
PREFLIGHT = f"{PREFIX}preflight"
QUEUE = f"{PREFIX}queue"
REPORTER = f"{PREFIX}reporter"
STATS = f"{PREFIX}stats"
SUPPRESSED = f"{PREFIX}suppressed"
SWEEP = f"{PREFIX}sweep"
TOTALS = f"{PREFIX}totals"
WAKE = f"{PREFIX}wake"
WORKERS = f"{PREFIX}workers"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def call(call_id: str) -> str:
    """The record of one call."""
    return f"{PREFIX}call:{call_id}"


def request(call_id: str) -> str:
    """What RingCentral is asked for, with full numbers: gone when the call has ended."""
    return f"{PREFIX}request:{call_id}"


def callback(call_id: str) -> str:
    """Where a call's own events are sent."""
    return f"{PREFIX}callback:{call_id}"


def number(digest: str) -> str:
    """The calls with one phone, by when they were accepted."""
    return f"{PREFIX}number:{digest}"


def ends(call_id: str) -> str:
    """The phones of a call that was asked for, by their digests."""
    return f"{PREFIX}ends:{call_id}"


def state(name: State) -> str:
    """The calls in one state."""
    return f"{PREFIX}calls:state:{name}"


def reference(client_reference: str) -> str:
    """The calls with one client reference."""
    return f"{PREFIX}calls:reference:{_digest(client_reference)}"


def idempotency(key: str, owner: str) -> str:
    """Which call an idempotency key made for an owner; the key itself may be a secret and is not
    stored."""
    name = f"{owner}\n{key}" if owner else key
    return f"{PREFIX}idempotency:{_digest(name)}"


def owned(owner: str) -> str:
    """The calls of one owner."""
    return f"{PREFIX}calls:owner:{owner}"


def ringout(ringout_id: str) -> str:
    """Which call a RingCentral id (of a ring-out or its session) belongs to."""
    return f"{PREFIX}ringout:{ringout_id}"


def evidence(call_id: str) -> str:
    """What the sources said that were asked about a call."""
    return f"{PREFIX}evidence:{call_id}"


def pair(digest: str) -> str:
    """The calls to one phone, by when they were asked for."""
    return f"{PREFIX}pair:{digest}"


def gate(credential: str, group: str) -> str:
    """Present while no process may send anything to this bucket."""
    return f"{PREFIX}gate:{credential}:{group}"


def account_gate(account: str) -> str:
    """Present while no process may send anything for this account."""
    return f"{PREFIX}account-gate:{account}"


HOUSE_GATE = f"{PREFIX}house-gate"
"""Present while no process may send anything at all to RingCentral."""


def allowance(credential: str, group: str) -> str:
    """What RingCentral last said of this bucket, and what is tried out on it."""
    return f"{PREFIX}allowance:{credential}:{group}"


def spent(credential: str, group: str) -> str:
    """The requests that count in this bucket's window."""
    return f"{PREFIX}spent:{credential}:{group}"


def lane(credential: str) -> str:
    """The calls of a credential that wait to be placed, in order."""
    return f"{PREFIX}calls:waiting:{credential}"


def on_line(kind: str, digest: str) -> str:
    """The call that holds a phone, or a line to one."""
    return f"{PREFIX}on-line:{kind}:{digest}"


def waiting_for_line(digest: str) -> str:
    """The calls of a credential that wait for a phone, a line or the account's cap, in order."""
    return f"{PREFIX}line-queue:{digest}"


def account_calls(account: str) -> str:
    """The calls of an account that count against its cap."""
    return f"{PREFIX}account-calls:{account}"


def token(credential: str) -> str:
    """The sealed access token that all processes share."""
    return f"{PREFIX}token:{credential}"


def login(credential: str) -> str:
    """The right to log in, held by one process at a time."""
    return f"{PREFIX}login:{credential}"


def glance(account: str, extension: str, ringout_id: str) -> str:
    """The right to make one live read for everyone who asks for it at the same time."""
    return f"{PREFIX}glance:{_digest(f'{account}/{extension}/{ringout_id}')}"


def worker(worker_id: str) -> str:
    """What a worker last said of itself."""
    return f"{PREFIX}worker:{worker_id}"


def job_id(kind: str, call_id: str) -> str:
    """The id of the job of a kind for a call: one at a time, whoever writes it."""
    return f"{TAG}:{kind}:{call_id}"


def job_parts(job_id: str) -> tuple[str, str]:
    """The kind and the call of a job's id; empty where the id is not one of ours."""
    tag, _, rest = job_id.partition(":")
    kind, _, call_id = rest.partition(":")
    return (kind, call_id) if tag == TAG else ("", "")


def job(kind: str, call_id: str) -> str:
    """Where arq looks for that job; `arq:job:` is a constant of arq's."""
    return f"arq:job:{job_id(kind, call_id)}"


def in_progress(job_id: str) -> str:
    """Where a worker says that it has a job; `arq:in-progress:` is a constant of arq's."""
    return f"arq:in-progress:{job_id}"


BOOK = (
    Entry(
        "call:<id>",
        "hash",
        "one call",
        "until its end, then the retention",
        "dashboards",
        fields=CALL_FIELDS,
    ),
    Entry(
        "request:<id>",
        "string",
        "the body for RingCentral, with full numbers",
        "until its call's end",
        "processes only",
    ),
    Entry(
        "callback:<id>",
        "string",
        "the callbackUrl of a call",
        "as its call",
        "processes only",
    ),
    Entry(
        "number:<hmac>",
        "sorted set",
        "the calls with one phone, by time of acceptance (ms): what is forgotten is found by it",
        "as long as anything is kept of the last of them",
        "processes only",
    ),
    Entry(
        "ends:<id>",
        "string",
        "HMACs of a call's phones, by which it is told from others between the same",
        "15 min",
        "processes only",
    ),
    Entry(
        "calls",
        "sorted set",
        "all calls by time of acceptance (ms)",
        None,
        "dashboards",
        "the sweep drops what is older than the retention",
    ),
    Entry(
        "calls:state:<state>",
        "sorted set",
        "the calls in a state, by time of acceptance (ms)",
        None,
        "dashboards",
        "a call is in one of them; `ended` is trimmed by the sweep",
    ),
    Entry(
        "calls:reference:<sha256>",
        "sorted set",
        "the calls of one client reference",
        "the retention",
        "processes only",
    ),
    Entry(
        "calls:owner:<key>",
        "sorted set",
        "the calls of one key, by time of acceptance (ms); those made without a key are in `calls`",
        "the retention",
        "processes only",
    ),
    Entry(
        "idempotency:<sha256>",
        "hash",
        "the call that an idempotency key made",
        "24 h",
        "processes only",
        fields=(("fingerprint", "keyed digest of the request"), ("call", "the call's id")),
    ),
    Entry(
        "ringout:<id>",
        "string",
        "the call that a RingCentral id belongs to",
        "as its call",
        "dashboards",
    ),
    Entry(
        "evidence:<id>",
        "list",
        "what each source said that was asked about a call, oldest first",
        "as its call",
        "dashboards",
        "JSON, 50 at most: at, source, since (ms after the request), found, doubtful, fault, "
        "session, verdict",
    ),
    Entry(
        "pair:<hmac>",
        "sorted set",
        "the calls to one phone, by when they were asked for (ms)",
        "15 min",
        "processes only",
    ),
    Entry(
        "events",
        "stream",
        "every change of every call, in order",
        None,
        "dashboards",
        "trimmed by count and by age",
        fields=EVENT_FIELDS,
    ),
    Entry(
        "looks",
        "sorted set",
        "live calls by the time of the next look (ms, server time); a "
        "look under way counts as due when its lease ends",
        None,
        "dashboards",
        "a call leaves it when it ends",
    ),
    Entry(
        "placings",
        "sorted set",
        "calls being placed, by the end of the placing lease (ms)",
        None,
        "dashboards",
        "a call leaves it with RingCentral's answer",
    ),
    Entry(
        "queue",
        "sorted set",
        "arq's queue: job ids by due time (ms)",
        None,
        "dashboards",
        "ready jobs are those due by now; the rest is deferred",
    ),
    Entry(
        "queue:health-check",
        "string",
        "arq's own health line, shared by all workers",
        "11 s",
        "dashboards",
    ),
    *BUDGET_BOOK,
    Entry(
        "token:<credential>",
        "string",
        "the access token, encrypted",
        "as the token",
        "processes only",
    ),
    Entry("login:<credential>", "string", "who may log in", "a few seconds", "processes only"),
    Entry(
        "glance:<sha256>",
        "string",
        "a live read under way, or its answer",
        "a second or two",
        "processes only",
    ),
    Entry("sweep", "string", "which worker sweeps", "a few seconds", "dashboards"),
    *HOUSE_BOOK,
    *NOTICE_BOOK,
    *RULE_BOOK,
    *WEBHOOK_BOOK,
)

ARQ_BOOK = (
    Entry(
        f"arq:job:{TAG}:<kind>:<call>",
        "string",
        "a job, as arq reads it (JSON)",
        "a day",
        "processes only",
    ),
    Entry(
        f"arq:in-progress:{TAG}:<kind>:<call>",
        "string",
        "a worker has the job",
        "the job's time-out",
        "processes only",
    ),
    Entry(
        f"arq:retry:{TAG}:<kind>:<call>",
        "string",
        "how often it was started",
        "a day",
        "processes only",
    ),
)
