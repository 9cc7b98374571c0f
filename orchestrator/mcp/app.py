"""The MCP application: the server with its tools and resource, and what guards its endpoint."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context, RequestStateSecurity
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.subscriptions import InMemorySubscriptionBus, SubscriptionBus
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import SubscriptionsListenRequestParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from orchestrator import __version__
from orchestrator.domain.errors import CallNotFound, InvalidRequest, RingOutError
from orchestrator.edge.rules import Rules
from orchestrator.mcp.access import METRICS, Guard, Resource
from orchestrator.mcp.arguments import CallArguments, understood
from orchestrator.mcp.asker import asker_of, owner_of
from orchestrator.mcp.confirmation import Confirmation
from orchestrator.mcp.echoes import Rejections, Server, masking
from orchestrator.mcp.edge import MOST_BODY_BYTES, Edge
from orchestrator.mcp.metrics import Metrics
from orchestrator.mcp.progress import Progress
from orchestrator.mcp.replies import said
from orchestrator.mcp.subscriptions import CALL_URI, Subscriptions
from orchestrator.mcp.tools import tools
from orchestrator.runtime import Backend, FrontEnd
from orchestrator.service import CallService
from orchestrator.settings import Settings
from orchestrator.storage.events import EventLog
from orchestrator.storage.following import Follower

PATH = "/mcp"
_NAME = "ringout"
_QUIET_S = 30.0
_INSTRUCTIONS = (
    "Connects two people by phone through RingCentral RingOut: the caller's phone rings first, "
    "then the callee's. Numbers are E.164, such as +16505550123, and come back masked. Make a "
    "call with make-ringout-call, with an idempotencyKey of your own for each wish; a person may "
    "be asked to confirm it before anybody is rung. Follow it with get-ringout-call-status until "
    "its state is ended; withdraw it with cancel-ringout-call. Every error says what to do next."
)
_PROBE = {"Cache-Control": "no-store"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The application to be served, and its open streams, to be closed before it stops."""

    app: ASGIApp
    subscriptions: Subscriptions


class PostOnly:
    """Answers 405 to everything but POST at the endpoint.

    Without sessions a GET would open a stream on which nothing ever comes and that never ends.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if scope["type"] == "http" and scope["path"] == PATH and scope["method"] != "POST":
            text = "Only POST is served here.\n"
            app = PlainTextResponse(text, status_code=405, headers={"Allow": "POST"})
        await app(scope, receive, send)


Build = Callable[[FrontEnd, Settings, SubscriptionBus], MCPServer[Any]]
"""How a server is made from its parts; its notices to all streams go to the bus."""


def build(front_end: FrontEnd, settings: Settings, bus: SubscriptionBus) -> MCPServer[Any]:
    """The server: three tools, one resource, state sealed with the replicas' shared keys.

    Logging must be configured before: the SDK's constructor configures it where nobody has.
    """
    metrics = Metrics(front_end.metrics)
    confirmation = Confirmation(front_end.service, settings.mcp_confirmation)
    mcp = Server(
        _NAME,
        title="RingOut",
        version=__version__,
        instructions=_INSTRUCTIONS,
        tools=tools(front_end.service, metrics, _progress(front_end), confirmation),
        request_state_security=_state_security(settings),
        subscriptions=bus,
    )
    _add_resource(mcp, front_end.service)
    _add_metrics(mcp, metrics)
    return mcp


def _progress(front_end: FrontEnd) -> Progress:
    follower = Follower(front_end.service.feed, EventLog(front_end.backend.commands), _QUIET_S)
    return Progress(front_end.service, follower)


def endpoint(
    front_end: FrontEnd,
    settings: Settings,
    whom: Rules,
    build: Build = build,
    *,
    origin: str = "",
    stateless: bool = True,
) -> Endpoint:
    """The application of the server that `build` makes; `whom` says whom it answers, and `origin`
    where it listens."""
    bus = InMemorySubscriptionBus()
    mcp = build(front_end, settings, bus)
    subscriptions = Subscriptions(front_end.service, bus)
    _add_probes(mcp, front_end.backend, subscriptions)
    app = mcp.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=stateless,
        json_response=False,
        max_request_body_size=MOST_BODY_BYTES,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    app.router.redirect_slashes = False
    mcp.session_manager.app.middleware.insert(0, masking)
    mcp.session_manager.app.add_request_handler(
        "subscriptions/listen", SubscriptionsListenRequestParams, subscriptions
    )
    resource = Resource(settings.mcp_public_url or origin, PATH, settings.oidc_issuer)
    admits = Guard(front_end.gate, resource).admits
    spoken = Rejections(app)
    guarded = PostOnly(spoken) if stateless else spoken
    edge = Edge(guarded, whom, settings.most_requests, lambda: subscriptions.count, admits)
    return Endpoint(edge, subscriptions)


def _state_security(settings: Settings) -> RequestStateSecurity:
    """Seals what clients hold for us: bound to who asks, whom the SDK's own way does not know."""
    shared = settings.mcp_state_keys
    keys = shared.get_secret_value().split(",") if shared else [secrets.token_hex(32)]
    return RequestStateSecurity(keys=keys, bind_principal=owner_of)


def _add_resource(mcp: MCPServer[Any], service: CallService) -> None:
    async def call(call_id: str, context: Context) -> str:
        try:
            wanted = understood(CallArguments, {"ringoutId": call_id})
            glance = await service.read(asker_of(context), "~", "~", wanted.ringout_id)
        except (CallNotFound, InvalidRequest) as error:
            raise ResourceNotFoundError("There is no such call.") from error
        except RingOutError as error:
            raise ResourceError(f"{error.code}: {said(error)}") from error
        return glance.snapshot.document.decode()

    mcp.resource(
        f"{CALL_URI}{{call_id}}",
        name="call",
        title="Call",
        description="A call as it is known now, by its id. Subscribe to be told of its changes.",
        mime_type="application/json",
    )(call)


def _add_metrics(mcp: MCPServer[Any], metrics: Metrics) -> None:
    async def exposed(request: Request) -> Response:
        body, kind = metrics.exposition(request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": kind})

    mcp.custom_route(METRICS, methods=["GET"])(exposed)


def _add_probes(mcp: MCPServer[Any], backend: Backend, subscriptions: Subscriptions) -> None:
    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_PROBE)

    async def ready(_: Request) -> Response:
        if subscriptions.is_draining:
            return PlainTextResponse("draining\n", status_code=503, headers=_PROBE)
        if not await backend.is_alive():
            return PlainTextResponse("Redis does not answer\n", status_code=503, headers=_PROBE)
        return PlainTextResponse("ok\n", headers=_PROBE)

    mcp.custom_route("/livez", methods=["GET"])(alive)
    mcp.custom_route("/readyz", methods=["GET"])(ready)
