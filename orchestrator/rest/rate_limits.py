"""What is left of the quotas, as headers (draft-ietf-httpapi-ratelimit-headers-10)."""

from orchestrator.domain.velocity import Figure, tightest

_NAME = r'"[a-z]+-[0-9]+"'
RATE_LIMIT_POLICY = rf"^{_NAME};q=[0-9]+;w=[0-9]+(, {_NAME};q=[0-9]+;w=[0-9]+)*$"
RATE_LIMIT = rf"^{_NAME};r=[0-9]+;t=[0-9]+(, {_NAME};r=[0-9]+;t=[0-9]+)*$"
"""What the two look like: Lists of structured fields (RFC 9651) with integer parameters."""


def rate_limits(figures: tuple[Figure, ...]) -> dict[str, str]:
    """`RateLimit-Policy` with every quota, `RateLimit` with the tightest of each kind; nothing
    where no quota was looked at."""
    if not figures:
        return {}
    policies = (f'"{one.name}";q={one.most};w={one.seconds}' for one in figures)
    left = (f'"{one.name}";r={one.left};t={-(-one.wait // 1000)}' for one in tightest(figures))
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}
