"""Reads the stream of events: what happened to which call, from the first that is kept."""
# ruff: noqa: INP001 (a numbered script)

import os
import sys
from typing import Any

from redis import Redis

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
EVENTS = "ringout:v1:{ringout}:events"
WAIT_MS = int(os.environ.get("WAIT_MS", "0"))  # 0: for ever


def main() -> None:
    """Writes a line for every event."""
    redis = Redis.from_url(URL, decode_responses=True)
    last = "0"
    while True:
        answer: Any = redis.xread({EVENTS: last}, count=100, block=WAIT_MS)
        if not answer:
            return
        for entry, event in answer[0][1]:
            last = entry
            told = f"{event['call']} #{event['sequence']} {event['type']}"
            sys.stdout.write(f"{event['at']} {told}\n")


main()
