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
CHANGE = _load("change")
CLAIM_LOOKS = _load("claim_looks")
POSTPONE_LOOK = _load("postpone_look")
CLAIM_JOBS = _load("claim_jobs")
ENQUEUE = _load("enqueue")
RELEASE = _load("release")

ALL = (ACCEPT, CHANGE, CLAIM_LOOKS, POSTPONE_LOOK, CLAIM_JOBS, ENQUEUE, RELEASE)
