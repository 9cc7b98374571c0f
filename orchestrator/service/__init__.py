"""What the front ends share: what may be asked, and what is done about it."""

from orchestrator.service.accepting import Accepting, ServiceOptions
from orchestrator.service.calls import CallService, Cancelled, Glance, StatusSource
from orchestrator.service.models import CallDocument, RingOutRequest

__all__ = [
    "Accepting",
    "CallDocument",
    "CallService",
    "Cancelled",
    "Glance",
    "RingOutRequest",
    "ServiceOptions",
    "StatusSource",
]
