"""Webhooks on the wire: signed, sent to an address that is allowed, and judged by the answer."""
