"""All ways to RingCentral: one client a credential, over the same connections."""

from types import TracebackType
from typing import Protocol, Self, Unpack

from orchestrator.domain.credentials import Credential
from orchestrator.domain.errors import UpstreamRefused
from orchestrator.domain.status import Reading
from orchestrator.telephony.auth import JwtTokens, StaticToken, Tokens
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.link import Link, LinkOptions
from orchestrator.telephony.ports import Budget, TokenStore
from orchestrator.telephony.transport import Transport


class Credentials(Protocol):
    """Which credentials there are, as of now."""

    def named(self, name: str) -> Credential | None:
        """The credential of this name."""
        ...

    def account_of(self, credential: Credential) -> str:
        """The account that its requests count for."""
        ...

    def speaking_for(self, account: str, extension: str) -> Credential | None:
        """Whom RingCentral is asked as about this extension; None: nobody."""
        ...


def nobody(detail: str) -> UpstreamRefused:
    """There is no credential to ask RingCentral with."""
    return UpstreamRefused(403, "no_credential", detail)


class Fleet:
    """`async with Fleet(...) as fleet`: leaving it closes the connections and all clients."""

    def __init__(
        self,
        *,
        server_url: str,
        credentials: Credentials,
        store: TokenStore,
        budget: Budget,
        **options: Unpack[LinkOptions],
    ) -> None:
        self._server_url, self._credentials = server_url, credentials
        self._store, self._budget, self._options = store, budget, options
        self._transport = Transport(server_url, Link(**options))
        self._clients: dict[str, tuple[Credential, RingCentral, Tokens]] = {}
        self._leaving: list[Tokens] = []

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for tokens in (*self._leaving, *(tokens for _, _, tokens in self._clients.values())):
            await tokens.close()
        await self._transport.__aexit__(kind, error, trace)

    def named(self, name: str) -> RingCentral:
        """The client of a credential; UpstreamRefused (`no_credential`) where it was removed."""
        credential = self._credentials.named(name)
        if credential is None:
            raise nobody("The credential that this call was accepted for was removed.")
        return self._client(credential)

    def speaking_for(self, account: str, extension: str) -> RingCentral:
        """The client for an extension; UpstreamRefused (`no_credential`) where there is none."""
        credential = self._credentials.speaking_for(account, extension)
        if credential is None:
            raise nobody("There is no credential for this extension, and no default one.")
        return self._client(credential)

    async def status(self, account: str, extension: str, ringout_id: str) -> Reading:
        """One observation, by whoever speaks for the extension; raises what RingCentral's does."""
        client = self.speaking_for(account, extension)
        return await client.status(account, extension, ringout_id)

    def _client(self, credential: Credential) -> RingCentral:
        known = self._clients.get(credential.name)
        account = self._credentials.account_of(credential)
        if known is not None and known[0] == credential and known[1].payer.account == account:
            return known[1]
        if known is not None:
            self._leaving.append(known[2])
        tokens = self._tokens(credential, account)
        client = RingCentral(
            server_url=self._server_url,
            tokens=tokens,
            budget=self._budget,
            account=account,
            transport=self._transport,
            **self._linked(credential),
        )
        self._clients[credential.name] = (credential, client, tokens)
        return client

    def _tokens(self, credential: Credential, account: str) -> Tokens:
        if credential.api_key:
            return StaticToken(credential.api_key)
        return JwtTokens(
            server_url=self._server_url,
            client_id=credential.client_id,
            client_secret=credential.client_secret,
            jwt=credential.jwt,
            store=self._store,
            budget=self._budget,
            account=account,
            **self._linked(credential),
        )

    def _linked(self, credential: Credential) -> LinkOptions:
        return {**self._options, "credential": credential.name}
