"""How far clocks may be apart: deadlines are compared between machines."""

from orchestrator.domain.findings import Finding, Verdict

_NOTED_MS = 5_000
_HARMFUL_MS = 60_000


def agreement(about: str, skew_ms: float, whose: str) -> Finding:
    """What it means that this machine's clock is `skew_ms` ahead of another's (behind, below 0)."""
    if abs(skew_ms) < _NOTED_MS:
        return Finding(about, "ok", f"agrees with {whose}")
    verdict: Verdict = "warn" if abs(skew_ms) < _HARMFUL_MS else "fail"
    off = f"{abs(skew_ms) / 1000:.0f} s {'ahead of' if skew_ms > 0 else 'behind'} {whose}"
    return Finding(about, verdict, off, "let this machine's clock be set by NTP, and the other's")
