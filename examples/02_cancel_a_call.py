"""Places a call, cancels it, and says what came of that."""
# ruff: noqa: INP001, S310 (a numbered script; the address is the reader's own)

import json
import os
import sys
from typing import Any
from urllib.request import Request, urlopen

REST = os.environ.get("RINGOUT_PUBLIC_URL", "http://127.0.0.1:8080")
RING_OUT = f"{REST}/v1/restapi/v1-0/account/~/extension/~/ring-out"
WISH = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550126"}}


def ask(method: str, url: str, body: bytes | None = None) -> dict[str, Any]:
    """The call, once RingCentral has answered; nothing where it was over already."""
    headers = {"Content-Type": "application/json", "Prefer": "wait=20"}
    with urlopen(Request(url, body, headers, method=method)) as answer:
        return dict(json.loads(answer.read() or b"{}"))


placed = ask("POST", RING_OUT, json.dumps(WISH).encode())
sys.stdout.write(f"RingCentral has the call: it is {placed['state']}\n")
cancelled = ask("DELETE", f"{RING_OUT}/{placed['id']}")
sys.stdout.write(f"the cancel: {cancelled['cancel']['outcome']}\n")
