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
CHANGE = _load("change")
CLAIM_JOBS = _load("claim_jobs")
CLAIM_LOOKS = _load("claim_looks")
CLOSE_GATE = _load("close_gate")
ENQUEUE = _load("enqueue")
FORGET_PLACING = _load("forget_placing")
NOTE_PAIR = _load("note_pair")
POSTPONE_LOOK = _load("postpone_look")
PUT_HASH = _load("put_hash")
RELEASE = _load("release")
RETRY_JOB = _load("retry_job")

ALL = (
    ACCEPT,
    ACQUIRE,
    CHANGE,
    CLAIM_JOBS,
    CLAIM_LOOKS,
    CLOSE_GATE,
    ENQUEUE,
    FORGET_PLACING,
    NOTE_PAIR,
    POSTPONE_LOOK,
    PUT_HASH,
    RELEASE,
    RETRY_JOB,
)
