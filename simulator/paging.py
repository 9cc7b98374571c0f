"""One page of records, with RingCentral's `navigation` and `paging`."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from aiohttp import web
from yarl import URL

from simulator.refusals import invalid

Record = TypeVar("Record")
_LARGEST = {"Simple": 1000, "Detailed": 250}


class Page(NamedTuple):
    """Which page, of how many records."""

    number: int
    size: int

    @classmethod
    def asked(cls, request: web.Request, view: str) -> "Page":
        """From `page` and `perPage`; raises Refusal CMN-101."""
        return cls(
            _whole(request, "page", 1, 1000), _whole(request, "perPage", 100, _LARGEST[view])
        )

    def cut(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records on this page."""
        start = (self.number - 1) * self.size
        return records[start : start + self.size]

    def around(self, url: URL, total: int) -> dict[str, Any]:
        """The `navigation` and `paging` of this page among so many records."""
        pages = max(1, math.ceil(total / self.size))
        start = (self.number - 1) * self.size
        paging: dict[str, int] = {
            "page": self.number,
            "perPage": self.size,
            "totalPages": pages,
            "totalElements": total,
        }
        if start < total:
            paging |= {"pageStart": start, "pageEnd": min(start + self.size, total) - 1}
        return {"navigation": self._navigation(url, pages), "paging": paging}

    def _navigation(self, url: URL, pages: int) -> dict[str, Any]:
        targets = {"firstPage": 1, "lastPage": pages}
        if self.number > 1:
            targets["previousPage"] = min(self.number - 1, pages)
        if self.number < pages:
            targets["nextPage"] = self.number + 1
        return {
            name: {"uri": str(url.update_query(page=number, perPage=self.size))}
            for name, number in targets.items()
        }


def _whole(request: web.Request, name: str, default: int, largest: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not re.fullmatch("[0-9]{1,4}", text) or not 1 <= int(text) <= largest:
        raise invalid(name, text)
    return int(text)
