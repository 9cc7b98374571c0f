"""What HTTP tells who was not let in: which credentials are taken (RFC 6750)."""

from orchestrator.domain.errors import InsufficientScope, Unauthenticated

_CHALLENGE = 'Bearer realm="ringout"'


def challenge(error: Unauthenticated | InsufficientScope) -> dict[str, str]:
    """The header of the refusal."""
    more = ""
    if isinstance(error, InsufficientScope):
        more = f', error="insufficient_scope", scope="{error.scope}"'
    elif error.was_shown:
        more = ', error="invalid_token"'
    return {"WWW-Authenticate": _CHALLENGE + more}
