"""What a key is exchanged for: tokens as RingCentral's clients ask for them, and sessions."""

from dataclasses import dataclass

from orchestrator.domain import tokens
from orchestrator.domain.access import Principal
from orchestrator.domain.tokens import Kind, Shown, Token
from orchestrator.service.gate import Gatekeeper, Proof
from orchestrator.storage.grants import Pair


@dataclass(frozen=True, slots=True)
class Logins:
    """Every method raises Unauthenticated, TooManyFailures and StorageUnavailable."""

    gate: Gatekeeper

    async def client(self, shown: Shown | None, address: str) -> Proof:
        """The key that a client shows as its id and secret."""
        proof = await self.gate.proved(shown, address)
        if proof.token is None or proof.token.kind is not Kind.KEY:
            await self.gate.failed(address)
        return proof

    async def pair(self, proof: Proof) -> Pair:
        """A pair of tokens in the place of a key."""
        return await self.gate.grants.pair(proof.key, proof.secret)

    async def renewed(self, proof: Proof, refresh: str, address: str) -> Pair:
        """The next pair for a refresh token of the same key; it serves once."""
        token = tokens.parsed(refresh)
        if token is None or token.kind is not Kind.REFRESH or token.key != proof.key:
            await self.gate.failed(address)
        pair = await self.gate.grants.renewed(token)
        if pair is None or await self.gate.by_token(pair.refresh) is None:
            await self.gate.failed(address)
        return pair

    async def revoke(self, proof: Proof, text: str) -> None:
        """Ends the grant that a token of the same key is of, also one that has expired: who logs
        out may have nothing else to show. Nothing for any other text."""
        token = tokens.parsed(text)
        is_theirs = token is not None and token.kind is not Kind.KEY and token.key == proof.key
        if token is not None and is_theirs and await self.gate.grants.is_known(token):
            await self.gate.grants.end(token)

    async def session(self, key: str, address: str) -> Token:
        """A session of the console in the place of a key."""
        proof = await self.client(Shown(key), address)
        return await self.gate.grants.session(proof.key, proof.secret)

    async def log_out(self, cookie: str) -> None:
        """Ends a session, also one whose key serves no more; nothing for any other text."""
        token = tokens.parsed(cookie)
        is_session = token is not None and token.kind is Kind.SESSION
        if token is not None and is_session and await self.gate.grants.secret_of(token) is not None:
            await self.gate.grants.end(token)


def scopes_of(principal: Principal) -> str:
    """Its scopes as OAuth writes them."""
    return " ".join(sorted(principal.scopes))
