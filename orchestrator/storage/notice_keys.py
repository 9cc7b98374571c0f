"""The names of the keys that hold what RingCentral's notifications tell, and who listens."""

from orchestrator.storage.keys import PREFIX

FEEDS = f"{PREFIX}feeds"


def feed(credential: str) -> str:
    """How the notifications of a credential's calls stand."""
    return f"{PREFIX}feed:{credential}"


def listening(credential: str) -> str:
    """The right to listen to them, held by one worker at a time."""
    return f"{PREFIX}listening:{credential}"


def heard(session_id: str) -> str:
    """What was told of a telephony session."""
    return f"{PREFIX}heard:{session_id}"
