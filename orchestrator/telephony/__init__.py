"""The one line to RingCentral.

`wire`, `answers` and `records` know RingCentral's words and do no I/O; `transport` sends one
request and says whether it may have been acted on; `auth` hands out access tokens; `client` joins
them. What they need of the store that all processes share is stated in `ports`.
"""
