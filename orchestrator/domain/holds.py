"""Why a call that is not placed yet waits, where a rule of the house holds it back."""

from dataclasses import replace

from orchestrator.domain.calls import Call, Change, Reason
from orchestrator.domain.events import entered


def held(call: Call, reason: Reason | None) -> Change | None:
    """Says why the call waits; with None, that nothing holds it back any more but its turn.

    None where that is said already, or RingCentral has been asked.
    """
    if not call.may_be_placed or call.reason == reason:
        return None
    after = replace(call, reason=reason, sequence=call.sequence + 1)
    return Change(after, entered(after.state))
