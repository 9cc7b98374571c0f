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


def _load(name: str, *begins: str) -> Script:
    """A file's script; the files named in `begins` are functions that it uses."""
    folder = files(__package__)
    parts = (folder.joinpath(f"{part}.lua") for part in (*begins, name))
    text = "\n".join(part.read_text(encoding="utf-8") for part in parts)
    digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
    return Script(name, text, digest)


ACCEPT = _load("accept", "velocity", "rules", "known", "filed")
ACQUIRE = _load("acquire")
BEAT = _load("beat")
BEGIN_DELIVERY = _load("begin_delivery")
CHANGE = _load("change", "pauses", "fence")
CLAIM_JOBS = _load("claim_jobs")
CLAIM_LOOKS = _load("claim_looks")
DELETE_WEBHOOK = _load("delete_webhook")
DISPATCH = _load("dispatch")
DROP_DELIVERIES = _load("drop_deliveries")
END_GRANT = _load("end_grant")
ENQUEUE = _load("enqueue")
ENTER_LANE = _load("enter_lane", "gates", "bucket", "lane")
FORGET_PLACING = _load("forget_placing")
HASTEN_DELIVERIES = _load("hasten_deliveries")
HEAR = _load("hear")
HOLD_LINES = _load("hold_lines", "line")
HURRY_JOB = _load("hurry_job")
HURRY_LOOK = _load("hurry_look")
JUDGE_WEBHOOK = _load("judge_webhook")
LANE_PLACE = _load("lane_place", "gates", "bucket", "lane")
LEAVE_LANE = _load("leave_lane", "gates", "bucket", "lane")
LEAVE_LINES = _load("leave_lines", "line")
MEND_CURSOR = _load("mend_cursor")
NOTE_EVIDENCE = _load("note_evidence")
NOTE_FAILURE = _load("note_failure")
NOTE_LOST = _load("note_lost")
NOTE_PAIR = _load("note_pair")
POSTPONE_LOOK = _load("postpone_look")
PUT_CREDENTIAL = _load("put_credential")
PUT_GRANT = _load("put_grant", "grants")
PUT_HASH = _load("put_hash")
PUT_KEY = _load("put_key")
PUT_WEBHOOK = _load("put_webhook")
READ_FEED = _load("read_feed")
REDELIVER = _load("redeliver")
RELEASE = _load("release")
RELEASE_DELIVERY = _load("release_delivery")
RENEW_GRANT = _load("renew_grant", "grants")
RESUME = _load("resume", "pauses")
RETRY_JOB = _load("retry_job")
REVOKE_KEY = _load("revoke_key")
ROTATE_KEY = _load("rotate_key")
REWRITE_HASH = _load("rewrite_hash")
SETTLE = _load("settle", "gates")
SETTLE_DELIVERY = _load("settle_delivery")
SPEND = _load("spend", "gates", "bucket")
SUSPECT_FEED = _load("suspect_feed")
TELL_FEED = _load("tell_feed")

ALL = (
    ACCEPT,
    ACQUIRE,
    BEAT,
    BEGIN_DELIVERY,
    CHANGE,
    CLAIM_JOBS,
    CLAIM_LOOKS,
    DELETE_WEBHOOK,
    DISPATCH,
    DROP_DELIVERIES,
    END_GRANT,
    ENQUEUE,
    ENTER_LANE,
    FORGET_PLACING,
    HASTEN_DELIVERIES,
    HEAR,
    HOLD_LINES,
    HURRY_JOB,
    HURRY_LOOK,
    JUDGE_WEBHOOK,
    LANE_PLACE,
    LEAVE_LANE,
    LEAVE_LINES,
    MEND_CURSOR,
    NOTE_EVIDENCE,
    NOTE_FAILURE,
    NOTE_LOST,
    NOTE_PAIR,
    POSTPONE_LOOK,
    PUT_CREDENTIAL,
    PUT_GRANT,
    PUT_HASH,
    PUT_KEY,
    PUT_WEBHOOK,
    READ_FEED,
    REDELIVER,
    RELEASE,
    RELEASE_DELIVERY,
    RENEW_GRANT,
    RESUME,
    RETRY_JOB,
    REVOKE_KEY,
    ROTATE_KEY,
    REWRITE_HASH,
    SETTLE,
    SETTLE_DELIVERY,
    SPEND,
    SUSPECT_FEED,
    TELL_FEED,
)
