"""The identity provider's access tokens: its keys, and what a token proves by them."""

from orchestrator.identity.issuer import OidcIssuer

__all__ = ["OidcIssuer"]
