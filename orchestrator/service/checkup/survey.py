"""All credentials: each checked, no more at a time than is due, many summed up in a few lines."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestrator.domain.clock import Clock
from orchestrator.domain.credentials import Credential
from orchestrator.domain.errors import RingOutError, StorageUnavailable
from orchestrator.domain.findings import Finding, Verdict, worst
from orchestrator.service.checkup.credential import Examined, examined, put_off, refused
from orchestrator.telephony.client import RingCentral
from orchestrator.telephony.fleet import Fleet

AT_A_TIME = 8
_NAMED = 10
_TRIES = 10
_A_MOMENT_S = 2.0

Parked = Mapping[str, Mapping[str, str]]
"""Since when, by which code and why RingCentral refuses credentials, by their names."""


def spare_logins(a_minute: int) -> int:
    """How many of an app's logins in a minute may be spent on checks: calls need them more."""
    return max(1, a_minute // 2)


class Survey:
    """Checks credentials; an app logs in for that at most `logins` times."""

    def __init__(
        self, fleet: Fleet, clock: Clock, parked: Parked, *, logins: int, thorough: bool = False
    ) -> None:
        self._fleet, self._clock, self._parked = fleet, clock, parked
        self._most_logins, self._thorough = logins, thorough
        self._logins: Counter[str] = Counter()
        self._slots = asyncio.Semaphore(AT_A_TIME)

    async def of_all(self, credentials: Sequence[Credential]) -> dict[str, list[Finding]]:
        """What there is to say of each, by name."""
        rows = await asyncio.gather(*(self.of(one) for one in credentials))
        return {one.name: row.findings for one, row in zip(credentials, rows, strict=True)}

    async def of(self, credential: Credential) -> Examined:
        """What there is to say of one."""
        async with self._slots:
            try:
                client = self._fleet.named(credential.name)
                needs_login = await client.needs_login()
            except StorageUnavailable:
                return Examined([Finding("credential", "warn", "not checked: that needs Redis")])
            except RingOutError as error:
                return Examined([Finding("credential", "warn", f"not checked: {error.detail}")])
            if needs_login and not self._may_log_in(credential):
                return self._without_login(credential)
            return replace(await self._patiently(client, credential), logged_in=needs_login)

    async def _patiently(self, client: RingCentral, credential: Credential) -> Examined:
        """The first requests to a bucket go one by one: that is over in a moment."""
        found = Examined()
        for _ in range(_TRIES):
            parked = self._parked.get(credential.name)
            found = await examined(client, credential, self._clock, parked, thorough=self._thorough)
            if found.retry_after is None or found.retry_after > _A_MOMENT_S:
                break
            await asyncio.sleep(found.retry_after)
        return found

    def _may_log_in(self, credential: Credential) -> bool:
        if self._logins[credential.client_id] >= self._most_logins:
            return False
        self._logins[credential.client_id] += 1
        return True

    def _without_login(self, credential: Credential) -> Examined:
        if (parked := self._parked.get(credential.name)) is not None:
            why = (parked["code"], parked["detail"])
            return Examined([refused(credential, *why, parked)])
        return put_off("it has no token yet, and its app may log in only so often", 60)


def summed_up(found: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """The findings of one credential as they are; of many, how many are well and which are not.

    Each finding that is not ok is one row with the names of all credentials it is true of.
    """
    if len(found) == 1:
        return [*next(iter(found.values()))]
    everything = [finding for row in found.values() for finding in row]
    rows: list[Finding] = []
    for about in dict.fromkeys(finding.about for finding in everything):
        of_these = [finding for finding in everything if finding.about == about]
        rows.append(_counted(about, [finding.verdict for finding in of_these]))
        rows += _named(found, about)
    return rows


def _counted(about: str, verdicts: Sequence[Verdict]) -> Finding:
    counts = Counter(verdicts)
    parts = [
        f"{counts[verdict]} {verdict}" for verdict in ("ok", "warn", "fail") if counts[verdict]
    ]
    return Finding(about, worst(verdicts), f"{len(verdicts)} credentials: {', '.join(parts)}")


def _named(found: Mapping[str, Sequence[Finding]], about: str) -> list[Finding]:
    names: dict[Finding, list[str]] = {}
    for name, findings in found.items():
        for finding in findings:
            if finding.about == about and finding.verdict != "ok":
                names.setdefault(finding, []).append(name)
    return [
        replace(finding, what=f"{_listed(those)}: {finding.what}")
        for finding, those in names.items()
    ]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
