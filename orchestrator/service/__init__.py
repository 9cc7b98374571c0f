"""What the front ends share: what may be asked, and what is done about it."""

from orchestrator.service.calls import CallService, Cancelled, Glance, ServiceOptions, StatusSource
from orchestrator.service.models import CallDocument, RingOutRequest

__all__ = [
    "CallDocument",
    "CallService",
    "Cancelled",
    "Glance",
    "RingOutRequest",
    "ServiceOptions",
    "StatusSource",
]
