"""What the console asks for besides calls: how the house stands, and a call's time line."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from orchestrator.domain.errors import CallNotFound, FieldError, InvalidRequest
from orchestrator.domain.verdicts import Source, Told
from orchestrator.domain.words import State
from orchestrator.rest.answers import json_answer
from orchestrator.rest.asker import asker_of
from orchestrator.service.calls import CallService
from orchestrator.service.models import RingOutId, StatusDocument
from orchestrator.storage.events import Entry
from orchestrator.storage.evidence import as_document
from orchestrator.storage.stats import Stats
from orchestrator.storage.timelines import Timelines

STATS = "/v1/stats"
TIMELINE = "/v1/calls/{callid}/timeline"

_BUCKET = re.compile(r"gate_(?P<credential>.+)_(?P<group>[a-z]+)_seconds")
_ID: TypeAdapter[str] = TypeAdapter(RingOutId)
_Fields = Mapping[str, str]


class _Model(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, serialize_by_alias=True)


class Queue(_Model):
    """Jobs that wait for a worker."""

    ready: int
    deferred: int
    oldest_seconds: float


class Looks(_Model):
    """Looks at live calls that should have been made by now."""

    overdue: int
    oldest_seconds: float


class Deliveries(_Model):
    """Webhook deliveries that are under way or given up."""

    pending: int
    dead: int
    oldest_seconds: float


class BucketBudget(_Model):
    """What is left of one of RingCentral's rate limits."""

    credential: str
    group: str
    left: int | None = Field(description="Requests left in the window; null where not known.")
    limit: int | None = Field(description="Requests a window; null where not known.")
    closed_seconds: float = Field(description="For how long nothing may be sent; 0: open.")


class HouseStats(_Model):
    """How the house stands, as a worker counted it every few seconds."""

    updated_at: str
    calls: dict[State, int] = Field(description="How many calls are in each state.")
    queue: Queue
    looks: Looks
    deliveries: Deliveries
    budgets: list[BucketBudget]
    paused: bool = Field(description="Whether the house is paused: no calls are placed.")
    paused_reason: str = Field(description="Why, as who paused it has put it.")
    paused_keys: int = Field(description="How many keys are paused.")


class WorkerReport(_Model):
    """What a worker last said of itself."""

    id: str
    host: str = Field(description="The host and the process, `host:pid`.")
    version: str
    started_at: str
    beat_at: str = Field(description="When it was last heard of.")
    jobs: int
    looks: int
    draining: bool


class StatsDocument(_Model):
    """How the house stands; `stats` is null where no worker has counted for a minute."""

    stats: HouseStats | None
    totals: dict[str, int] = Field(description="How much there has been since the beginning.")
    workers: list[WorkerReport]


class TimelineEvent(_Model):
    """One event of a call."""

    id: str = Field(description="The event's id in the stream.")
    type: str
    sequence: int
    at: str
    state: State
    outcome: str | None
    status: StatusDocument


class Evidence(_Model):
    """What one of RingCentral's sources said when it was asked for a call: one whose answer was
    lost, whose ring-out RingCentral no longer knows, or that was to be ended by its session."""

    at: str
    source: Source
    since: int = Field(description="Milliseconds since RingCentral was asked for the call.")
    found: int | None = Field(
        description="Sessions that fit the call and are not provably another's; null: no answer."
    )
    doubtful: int = Field(description="Sessions that do not fit and cannot be excluded.")
    fault: str | None = Field(description="Why there was no answer.")
    session: str | None = Field(description="The session that was asked for, or is the call's.")
    verdict: Told | None


class TimelineDocument(_Model):
    """A call's events in order; `complete` is false where some are no longer kept or found. The
    evidence is in order too, and holds 50 entries at most."""

    id: str
    events: list[TimelineEvent]
    complete: bool
    evidence: list[Evidence]


@dataclass(frozen=True, slots=True)
class ConsoleRoutes:
    """The handlers of both."""

    service: CallService
    stats: Stats
    timelines: Timelines

    async def read_stats(self, _: web.Request) -> web.Response:
        """How the house stands."""
        fields, totals = await self.stats.read(), await self.stats.totals()
        workers = await self.stats.workers()
        document = StatsDocument(
            stats=house_stats(fields) if fields else None,
            totals={name: int(count) for name, count in sorted(totals.items())},
            workers=[_worker(one, said) for one, said in workers.items()],
        )
        return _answer(document)

    async def read_timeline(self, request: web.Request) -> web.Response:
        """The events of a call."""
        call = (await self.service.read(asker_of(request), "~", "~", _call_id(request))).snapshot
        timeline = await self.timelines.of(call)
        events = [_event(entry) for entry in timeline.events]
        evidence = [Evidence.model_validate(as_document(one)) for one in timeline.evidence]
        document = TimelineDocument(
            id=call.id, events=events, complete=timeline.complete, evidence=evidence
        )
        return _answer(document)


def _call_id(request: web.Request) -> str:
    """An id of ours; any other would have RingCentral asked, which cannot tell the past."""
    try:
        call_id = _ID.validate_python(request.match_info["callid"])
    except ValidationError:
        raise InvalidRequest((FieldError("callid", "must be the id of a call"),)) from None
    if not call_id.startswith("call_"):
        raise CallNotFound("There is no such call.")
    return call_id


def house_stats(fields: _Fields) -> HouseStats:
    """What the hash says, arranged; a count that is not there is 0."""

    def counted(prefix: str, *names: str) -> dict[str, float]:
        shown = {name: fields.get(f"{prefix}{name[0].upper()}{name[1:]}", "0") for name in names}
        return {name: float(value) for name, value in shown.items()}

    return HouseStats.model_validate(
        {
            "updatedAt": fields["updatedAt"],
            "calls": {state: int(fields.get(f"calls_{state}", "0")) for state in State},
            "paused": fields.get("paused") == "yes",
            "pausedReason": fields.get("pausedReason", ""),
            "pausedKeys": int(fields.get("pausedKeys", "0")),
            "queue": counted("queue", "ready", "deferred", "oldestSeconds"),
            "looks": counted("looks", "overdue", "oldestSeconds"),
            "deliveries": counted("deliveries", "pending", "dead", "oldestSeconds"),
            "budgets": [
                _budget(fields, match) for match in map(_BUCKET.fullmatch, fields) if match
            ],
        }
    )


def _budget(fields: _Fields, bucket: re.Match[str]) -> dict[str, Any]:
    name = f"budget_{bucket['credential']}_{bucket['group']}"
    return {
        **bucket.groupdict(),
        "left": fields.get(f"{name}_left"),
        "limit": fields.get(f"{name}_limit"),
        "closedSeconds": fields[bucket.string],
    }


def _worker(worker_id: str, said: _Fields) -> WorkerReport:
    return WorkerReport.model_validate(
        {**said, "id": worker_id, "draining": said.get("draining") == "yes"}
    )


def _event(entry: Entry) -> TimelineEvent:
    fields = entry.fields
    return TimelineEvent.model_validate(
        {
            **{name: fields[name] for name in ("type", "sequence", "at", "state")},
            "id": str(entry.place),
            "outcome": fields["outcome"] or None,
            "status": json.loads(fields["data"])["status"],
        }
    )


def _answer(document: BaseModel) -> web.Response:
    return json_answer(document.model_dump_json().encode())
