"""The three tools: RingCentral's three operations, as an agent uses them.

Every tool answers at once from what is written down, except that a call is followed to its end for
an agent that asks for progress while it is made. The arguments reach us as they were sent and are
checked by our own models (see `arguments`).
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import ConfigDict

from orchestrator.domain.access import Principal
from orchestrator.domain.errors import RingOutError
from orchestrator.mcp import replies
from orchestrator.mcp.arguments import (
    ArgumentsT,
    CallArguments,
    MakeArguments,
    WithoutTitles,
    input_schema,
    understood,
)
from orchestrator.mcp.asker import asker_of
from orchestrator.mcp.confirmation import Confirmation
from orchestrator.mcp.metrics import Metrics
from orchestrator.mcp.progress import Progress, Report
from orchestrator.service import CallDocument, CallService
from orchestrator.service.rehearsal import VALIDATE_ONLY
from orchestrator.storage.records import Snapshot

_OUTPUT_SCHEMA = CallDocument.model_json_schema(
    by_alias=True, mode="serialization", schema_generator=WithoutTitles
)
_READ_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
_MAKES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True
)
_CANCELS = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True
)
_MAKE_MORE = (
    "Rings the caller (body.from), then the callee (body.to), and connects the two. Real phones "
    "ring, so a person may be asked to confirm the call first. Give an idempotencyKey, so that "
    "repeating the request cannot ring anybody twice. The call is accepted and returned at once, "
    "as a rule in state queued; a request with a progressToken is told of each change instead, and "
    "returns when the call has ended, or after 55 seconds, with the call as it is then. While "
    "state is not ended, use "
    f"{replies.STATUS} with the call's id every 2 seconds; outcome and reason then say how it "
    "ended. Giving up the request does not cancel the call."
)
_STATUS_MORE = (
    "Answers the call as it is known now, by the id that was returned when it was made or by "
    "RingCentral's own id. state goes from queued through placing, ringing and connected to ended "
    "and never back; unconfirmed means that RingCentral's answer was lost and is looked for, so "
    "do not make the call again. ended is final: outcome and reason say how it ended."
)
_CANCEL_MORE = (
    "A call that is not placed yet is cancelled there and then and never rings. For one that is, "
    f"the cancel is asked for: use {replies.STATUS} and read cancel.outcome (cancelled, too_late "
    "or unknown; null while it is not known). Cancelling twice, or a call that has ended, does "
    "no harm."
)


Answer = CallToolResult | InputRequiredResult
Run = Callable[[dict[str, Any], Context[Any]], Awaitable[Answer]]
Before = Callable[
    [Principal, ArgumentsT, Context[Any]], Awaitable[ArgumentsT | Snapshot | InputRequiredResult]
]
"""What comes before a tool acts: the arguments that it acts on, or what it answers with instead, a
question or a call."""


class _AsSent(ArgModelBase):
    model_config = ConfigDict(extra="allow")

    def model_dump_one_level(self) -> dict[str, Any]:
        return {"sent": self.__pydantic_extra__ or {}}


@dataclass(frozen=True, slots=True)
class CallTools:
    """What the tools do, given arguments that are understood."""

    service: CallService

    async def make(self, asker: Principal, wanted: MakeArguments) -> Snapshot:
        """Accepts the call."""
        return (await self.service.accept(asker, wanted.wish())).snapshot

    async def status(self, asker: Principal, wanted: CallArguments) -> Snapshot:
        """Reads the call."""
        where = (wanted.account_id, wanted.extension_id, wanted.ringout_id)
        glance = await self.service.read(asker, *where)
        return glance.snapshot

    async def cancel(self, asker: Principal, wanted: CallArguments) -> Snapshot:
        """Cancels the call, or asks for it."""
        cancelled = await self.service.cancel(
            asker, wanted.account_id, wanted.extension_id, wanted.ringout_id, via="mcp"
        )
        return cancelled.snapshot


def tools(
    service: CallService, metrics: Metrics, progress: Progress, confirmation: Confirmation
) -> list[Tool]:
    """The tools, ready to be registered."""
    acts = CallTools(service)
    before = confirmation.confirmed
    return [
        _tool(
            (replies.MAKE, "Make RingOut Call", _MAKE_MORE),
            _MAKES,
            MakeArguments,
            _answering(replies.MAKE, MakeArguments, acts.make, metrics, progress, before),
        ),
        _tool(
            (replies.STATUS, "Get RingOut Call Status", _STATUS_MORE),
            _READ_ONLY,
            CallArguments,
            _answering(replies.STATUS, CallArguments, acts.status, metrics),
        ),
        _tool(
            (replies.CANCEL, "Cancel RingOut Call", _CANCEL_MORE),
            _CANCELS,
            CallArguments,
            _answering(replies.CANCEL, CallArguments, acts.cancel, metrics),
        ),
    ]


def _tool(
    words: tuple[str, str, str],
    hints: ToolAnnotations,
    model: type[MakeArguments] | type[CallArguments],
    run: Run,
) -> Tool:
    name, title, more = words
    return Tool(
        fn=run,
        name=name,
        title=title,
        description=f"{title}. {more}",
        parameters=input_schema(model),
        fn_metadata=FuncMetadata(arg_model=_AsSent, output_schema=_OUTPUT_SCHEMA),
        is_async=True,
        context_kwarg="context",
        annotations=hints,
    )


def _answering(
    name: str,
    model: type[ArgumentsT],
    act: Callable[[Principal, ArgumentsT], Awaitable[Snapshot]],
    metrics: Metrics,
    progress: Progress | None = None,
    before: Before[ArgumentsT] | None = None,
) -> Run:
    async def run(sent: dict[str, Any], context: Context[Any]) -> Answer:
        with metrics.observed(name) as observation:
            try:
                asker, wanted = asker_of(context), understood(model, sent)
                settled = await before(asker, wanted, context) if before else wanted
                if isinstance(settled, InputRequiredResult):
                    observation.result = "asked"
                    return settled
                call = settled if isinstance(settled, Snapshot) else await act(asker, settled)
                is_real = call.id != VALIDATE_ONLY
                if progress is not None and is_real and (report := _report(context)) is not None:
                    call = await progress.ended(call, report)
                answer = replies.shown(call)
            except RingOutError as error:
                observation.result = error.code
                metrics.refused(error)
                has_key = sent.get("idempotencyKey") is not None
                return replies.refusal(name, error, has_key=has_key)
            observation.result = "ok"
            return answer

    return run


def _report(context: Context[Any]) -> Report | None:
    """How to tell of progress, where the request asks for it."""
    if (context.request_context.meta or {}).get("progress_token") is None:
        return None

    async def report(sequence: float, sentence: str) -> None:
        await context.report_progress(sequence, None, sentence)

    return report
