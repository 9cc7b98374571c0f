"""A program written for RingCentral, with RingCentral's own SDK: only its base URL is another."""
# ruff: noqa: INP001 (a numbered script)

import os
import sys

from ringcentral import SDK

REST = os.environ.get("RINGOUT_PUBLIC_URL", "http://127.0.0.1:8080")
RING_OUT = "/restapi/v1.0/account/~/extension/~/ring-out"

platform = SDK("no app", "no secret", REST).platform()
# There is nothing to log in to: the orchestrator holds the credential.
platform.auth().set_data({"token_type": "bearer", "access_token": "none", "expires_in": 3600})

wish = {"from": {"phoneNumber": "+16505550100"}, "to": {"phoneNumber": "+16505550126"}}
made = platform.post(RING_OUT, wish).json_dict()
read = platform.get(f"{RING_OUT}/{made['id']}").json_dict()
sys.stdout.write(f"callStatus: {read['status']['callStatus']}\n")
cancelled = platform.delete(f"{RING_OUT}/{made['id']}").response()
sys.stdout.write(f"DELETE: {cancelled.status_code}\n")
