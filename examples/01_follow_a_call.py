"""Places a call once, whatever happens to the request, and follows it to its end."""
# ruff: noqa: INP001, S310 (a numbered script; the address is the reader's own)

import json
import os
import sys
import uuid
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

REST = os.environ.get("RINGOUT_PUBLIC_URL", "http://127.0.0.1:8080")
RING_OUT = f"{REST}/v1/restapi/v1-0/account/~/extension/~/ring-out"
WISH = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550123"}}


def place() -> str:
    """The id of the call. Repeated with the same key it would be the same call."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{uuid.uuid4()}"'}
    with urlopen(Request(RING_OUT, json.dumps(WISH).encode(), headers)) as answer:
        return str(json.load(answer)["id"])


def changed(call_id: str, etag: str) -> tuple[dict[str, Any] | None, str]:
    """The call once it is not as `etag` knows it; None after 30 s without a change."""
    headers = {"If-None-Match": etag, "Prefer": "wait=30"} if etag else {}
    try:
        with urlopen(Request(f"{RING_OUT}/{call_id}", headers=headers)) as answer:
            return json.load(answer), answer.headers["ETag"]
    except HTTPError as error:
        if error.code != 304:
            raise
        return None, etag


def main() -> None:
    """Writes a line for every change."""
    call_id, etag, state = place(), "", ""
    while state != "ended":
        call, etag = changed(call_id, etag)
        if call is not None:
            state = call["state"]
            sys.stdout.write(f"{state} {call['status']} {call['outcome'] or ''}\n")


main()
