"""Whom a call may ring: both of its phones, checked before anything is written down."""

from dataclasses import dataclass

from orchestrator.domain.access import Principal
from orchestrator.service.models import RingOutRequest


@dataclass(frozen=True, slots=True)
class Whom:
    """The rules of the house about the numbers that it rings."""

    async def check(self, asker: Principal, request: RingOutRequest) -> None:
        """RefusedByPolicy naming the first rule that forbids one of the two phones."""
