"""The scripts, one operation a file; each file's head names its KEYS, its ARGV and its answer."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and the digest by which a server knows it."""

    name: str
    text: str
    digest: str


def _load(name: str) -> Script:
    text = files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest)


ACCEPT = _load("accept")
ACQUIRE = _load("acquire")
BEAT = _load("beat")
BEGIN_DELIVERY = _load("begin_delivery")
CHANGE = _load("change")
CLAIM_JOBS = _load("claim_jobs")
CLAIM_LOOKS = _load("claim_looks")
CLOSE_GATE = _load("close_gate")
DELETE_WEBHOOK = _load("delete_webhook")
DISPATCH = _load("dispatch")
DROP_DELIVERIES = _load("drop_deliveries")
ENQUEUE = _load("enqueue")
FORGET_PLACING = _load("forget_placing")
JUDGE_WEBHOOK = _load("judge_webhook")
NOTE_PAIR = _load("note_pair")
POSTPONE_LOOK = _load("postpone_look")
PUT_HASH = _load("put_hash")
PUT_WEBHOOK = _load("put_webhook")
REDELIVER = _load("redeliver")
RELEASE = _load("release")
RELEASE_DELIVERY = _load("release_delivery")
RETRY_JOB = _load("retry_job")
SETTLE_DELIVERY = _load("settle_delivery")

ALL = (
    ACCEPT,
    ACQUIRE,
    BEAT,
    BEGIN_DELIVERY,
    CHANGE,
    CLAIM_JOBS,
    CLAIM_LOOKS,
    CLOSE_GATE,
    DELETE_WEBHOOK,
    DISPATCH,
    DROP_DELIVERIES,
    ENQUEUE,
    FORGET_PLACING,
    JUDGE_WEBHOOK,
    NOTE_PAIR,
    POSTPONE_LOOK,
    PUT_HASH,
    PUT_WEBHOOK,
    REDELIVER,
    RELEASE,
    RELEASE_DELIVERY,
    RETRY_JOB,
    SETTLE_DELIVERY,
)
