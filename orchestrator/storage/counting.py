"""Which totals a change adds one to; the script that makes the change adds it."""

from orchestrator.domain.calls import Call


def counted(before: Call | None, after: Call) -> list[str]:
    """The fields of `totals` for the call as it was (None: it is new) and as it becomes."""
    names = []
    if before is None:
        names.append("adopted" if after.ringout_id else "accepted")
    if after.cancel is not None and (before is None or before.cancel is None):
        names.append("cancels_requested")
    if after.is_over and (before is None or not before.is_over):
        names.append(f"ended_{after.outcome}")
    return names
