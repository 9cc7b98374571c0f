"""Phones and lines that only one call may have at a time, and the cap of an account.

RingCentral answers 200 to a call that goes over such a cap, and the call then fails: so where one
is known, calls wait here. Who holds a line is a call; it holds it until the call has ended, without
anything to give back: the next one looks whether the holder still lives. Only a call that may be
placed and is held back leaves its lines before. Those of one credential that wait for a line get it
in order, and only the first of them ask often.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.budget import Payer
from orchestrator.domain.calls import Call
from orchestrator.storage import keys, scripts
from orchestrator.storage.connection import Commands
from orchestrator.storage.lanes import place_jobs


@dataclass(frozen=True, slots=True)
class LineRules:
    """Whether an extension's calls to the same phone, and calls from the same phone, are made one
    at a time; how many calls an account may have going on (0: any number). `longest_call` is
    milliseconds."""

    per_callee: bool = False
    per_caller: bool = False
    account_calls: int = 0
    longest_call: int = 6 * 3_600_000


class Lines:
    """Every method raises StorageUnavailable when Redis does not answer in time."""

    def __init__(self, commands: Commands, secret: bytes, rules: LineRules) -> None:
        self._commands, self._secret, self._rules = commands, secret, rules

    async def engaged(self, call: Call, payer: Payer, request: dict[str, Any]) -> float:
        """The seconds after which to ask again, where a line that the call needs is engaged; 0
        where it has all of them, from now until it ends."""
        lines = self._lines(payer, request)
        cap = self._rules.account_calls
        if not lines and not cap:
            return 0.0
        account = keys.account_calls(payer.account)
        answer = await self._commands.run(
            scripts.HOLD_LINES,
            [account, self._waiting(account, payer), keys.QUEUE]
            + [key for line in lines for key in (line, self._waiting(line, payer))],
            call.id,
            cap,
            self._rules.longest_call,
            keys.call(""),
            call.accepted_at,
            *place_jobs()[:2],
        )
        return float(answer) / 1000

    async def leave(self, call: Call, payer: Payer, request: dict[str, Any]) -> None:
        """The call neither has nor waits for a line any more, so that the calls behind it go on.
        Nothing where RingCentral has been asked for it, or may have been."""
        if not self.needed(payer, request):
            return
        lines = [keys.account_calls(payer.account), *self._lines(payer, request)]
        await self._commands.run(
            scripts.LEAVE_LINES,
            [keys.call(call.id), keys.QUEUE]
            + [key for line in lines for key in (line, self._waiting(line, payer))],
            call.id,
            *place_jobs()[:2],
        )

    def needed(self, payer: Payer, request: dict[str, Any]) -> list[str]:
        """The keys of the lines that a call has to have when RingCentral is asked for it."""
        cap = [keys.account_calls(payer.account)] if self._rules.account_calls else []
        return cap + self._lines(payer, request)

    def _lines(self, payer: Payer, request: dict[str, Any]) -> list[str]:
        lines = []
        if self._rules.per_callee:
            number = request["to"]["phoneNumber"]
            lines.append(self._line("callee", f"{payer.credential}\n{number}"))
        if self._rules.per_caller:
            caller = request.get("from") or {}
            device = caller.get("phoneNumber") or caller.get("forwardingNumberId")
            owner = "" if caller.get("phoneNumber") else payer.credential
            lines.append(self._line("caller", f"{owner}\n{device or ''}"))
        return lines

    def _line(self, kind: str, what: str) -> str:
        return keys.on_line(kind, self._digest(what))

    def _waiting(self, line: str, payer: Payer) -> str:
        return keys.waiting_for_line(self._digest(f"{line}\n{payer.credential}"))

    def _digest(self, what: str) -> str:
        return hmac.new(self._secret, what.encode(), hashlib.sha256).hexdigest()
