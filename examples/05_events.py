"""Handles every event once, with as many of these as there is work for, any of which may die."""
# ruff: noqa: INP001 (a numbered script)

import os
import socket
import sqlite3
import sys
import time
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
EVENTS = "ringout:v1:{ringout}:events"
GROUP = os.environ.get("GROUP", "example")
CONSUMER = f"{socket.gethostname()}-{os.getpid()}"
DONE = os.environ.get("DONE", ":memory:")  # a file that all consumers share: what was handled
DEAD_MS = int(os.environ.get("DEAD_MS", "60000"))  # longer than any event takes to be handled
WAIT_MS = int(os.environ.get("WAIT_MS", "0"))  # 0: for ever; else it ends when nothing comes
WORK_MS = int(os.environ.get("WORK_MS", "0"))  # stands for what handling an event takes

redis = Redis.from_url(URL, decode_responses=True)
done = sqlite3.connect(DONE, timeout=30)
done.execute("CREATE TABLE IF NOT EXISTS done (call TEXT, sequence INT, UNIQUE (call, sequence))")


def join() -> None:
    """The group begins at the first event that is kept; `$` would be from now on."""
    try:
        redis.xgroup_create(EVENTS, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def given() -> Any:
    """Events that a dead consumer has left, or else new ones; none when it is time to end."""
    left: Any = redis.xautoclaim(EVENTS, GROUP, CONSUMER, min_idle_time=DEAD_MS, count=10)
    if left[1]:
        return left[1]
    wait = min(WAIT_MS or DEAD_MS, DEAD_MS)
    new: Any = redis.xreadgroup(GROUP, CONSUMER, {EVENTS: ">"}, count=10, block=wait)
    return new[0][1] if new else []


def handle(event: dict[str, str]) -> None:
    """An event may come twice, from a consumer that died before it said so: its call and sequence
    say which it is. What is done and the note of it are one transaction: it is done once."""
    with done:
        key = (event["call"], event["sequence"])
        if done.execute("INSERT OR IGNORE INTO done VALUES (?, ?)", key).rowcount == 0:
            return
        time.sleep(WORK_MS / 1000)
    told = f"{event['call']} #{event['sequence']} {event['type']}"
    sys.stdout.write(f"{event['at']} {told}\n")
    sys.stdout.flush()


def pending() -> int:
    """How many events someone has taken and not handled yet."""
    summary: Any = redis.xpending(EVENTS, GROUP)
    return int(summary["pending"])


join()
while True:
    events = given()
    for entry, event in events:
        if event:  # an entry that was trimmed meanwhile has no fields
            handle(event)
        redis.xack(EVENTS, GROUP, entry)
    if WAIT_MS and not events and not pending():
        break
