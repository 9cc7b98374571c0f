"""An async, event-driven orchestrator in front of RingCentral RingOut."""

__version__ = "0.1.0"
