"""What the conformance suite expects of a server that asks its client back.

On the older wire a question is a request to the client within the call; on the newer one it is
an answer that requires input, and the client repeats the call with what it was asked for.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, Union

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.prompts.base import Message, UserMessage
from mcp.shared.exceptions import MCPError
from mcp.types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CallToolResult,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequest,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)
from pydantic import BaseModel, Field

from tests.conformance.fixtures import text

Asked = Union[CallToolResult, InputRequiredResult]  # noqa: UP007 (evaluated by the SDK)
Tool = Callable[[Context[Any, Any]], Awaitable[Asked]]

_ENUMS: dict[str, Any] = {
    "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
    "titledSingle": {
        "type": "string",
        "oneOf": [
            {"const": "value1", "title": "First Option"},
            {"const": "value2", "title": "Second Option"},
            {"const": "value3", "title": "Third Option"},
        ],
    },
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {
        "type": "array",
        "items": {"type": "string", "enum": ["option1", "option2", "option3"]},
    },
    "titledMulti": {
        "type": "array",
        "items": {
            "anyOf": [
                {"const": "value1", "title": "First Choice"},
                {"const": "value2", "title": "Second Choice"},
                {"const": "value3", "title": "Third Choice"},
            ]
        },
    },
}


class _Person(BaseModel):
    username: str = Field(description="User's response")
    email: str = Field(description="User's email address")


class _Defaults(BaseModel):
    name: str = "John Doe"
    age: int = 30
    score: float = 95.5
    status: Literal["active", "inactive", "pending"] = "active"
    verified: bool = True


def _form(message: str, field: str, kind: str = "string") -> ElicitRequest:
    schema = {"type": "object", "properties": {field: {"type": kind}}, "required": [field]}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampling(question: str, max_tokens: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=text(question))
    return CreateMessageRequest(
        params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    )


def _done(words: str) -> CallToolResult:
    return CallToolResult(content=[text(words)])


def _answer(ctx: Context[Any, Any], key: str) -> dict[str, Any] | None:
    response = (ctx.input_responses or {}).get(key)
    return response.content if isinstance(response, ElicitResult) else None


def add_live_questions(mcp: MCPServer[Any]) -> None:
    """Tools that ask within the call."""

    @mcp.tool(name="test_sampling")
    async def sampling(prompt: str, ctx: Context[Any, Any]) -> TextContent:
        """Asks the client's model."""
        message = SamplingMessage(role="user", content=text(prompt))
        result = await ctx.session.create_message(
            [message], max_tokens=100, related_request_id=ctx.request_id
        )
        said = result.content.text if isinstance(result.content, TextContent) else ""
        return text(f"LLM response: {said}")

    @mcp.tool(name="test_elicitation")
    async def elicitation(message: str, ctx: Context[Any, Any]) -> TextContent:
        """Asks the user."""
        result = await ctx.elicit(message, _Person)
        return text(f"User response: action={result.action}")

    @mcp.tool(name="test_elicitation_sep1034_defaults")
    async def defaults(ctx: Context[Any, Any]) -> TextContent:
        """Asks with defaults."""
        result = await ctx.elicit("Please say who you are", _Defaults)
        return text(f"Elicitation completed: action={result.action}, content={{}}")

    @mcp.tool(name="test_elicitation_sep1330_enums")
    async def enums(ctx: Context[Any, Any]) -> TextContent:
        """Asks for choices."""
        result = await ctx.session.elicit_form(
            "Please choose",
            {"type": "object", "properties": _ENUMS},
            related_request_id=ctx.request_id,
        )
        return text(f"Elicitation completed: action={result.action}, content={result.content}")


def add_capability_checks(mcp: MCPServer[Any]) -> None:
    """Tools that need, or use only, what the client said it can do."""

    @mcp.tool(name="test_missing_capability")
    async def missing_capability(ctx: Context[Any, Any]) -> TextContent:
        """Needs a client that can sample."""
        capabilities = ctx.client_capabilities
        if capabilities is None or capabilities.sampling is None:
            needed = ClientCapabilities(sampling=SamplingCapability())
            data = {"requiredCapabilities": needed.model_dump(by_alias=True, exclude_none=True)}
            raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, "Sampling is required", data)
        return text("The client can sample.")

    @mcp.tool(name="test_input_required_result_capabilities")
    async def only_declared(ctx: Context[Any, Any]) -> Asked:
        """Asks only what the client can do."""
        if ctx.input_responses:
            return _done("Answered.")
        capabilities = ctx.client_capabilities or ClientCapabilities()
        asked: dict[str, InputRequest] = {}
        if capabilities.sampling is not None:
            asked["greeting"] = _sampling("Generate a greeting", 50)
        if capabilities.elicitation is not None:
            asked["user_name"] = _form("What is your name?", "name")
        return InputRequiredResult(input_requests=asked) if asked else _done("Nothing to ask.")


def add_repeated_questions(mcp: MCPServer[Any]) -> None:
    """Tools whose call is repeated once with what they asked for."""

    async def elicitation(ctx: Context[Any, Any]) -> Asked:
        """Asks the user, by requiring input."""
        answer = _answer(ctx, "user_name")
        if answer is None or not isinstance(answer.get("name"), str):
            request = _form("What is your name?", "name")
            return InputRequiredResult(input_requests={"user_name": request})
        return _done(f"Hello, {answer['name']}!")

    mcp.tool(name="test_input_required_result_elicitation")(elicitation)
    mcp.tool(name="test_streaming_elicitation")(elicitation)

    @mcp.tool(name="test_input_required_result_sampling")
    async def sampling(ctx: Context[Any, Any]) -> Asked:
        """Asks the client's model, by requiring input."""
        answer = (ctx.input_responses or {}).get("capital_question")
        if not isinstance(answer, CreateMessageResult):
            request = _sampling("What is the capital of France?")
            return InputRequiredResult(input_requests={"capital_question": request})
        return _done(answer.content.text if isinstance(answer.content, TextContent) else "?")

    @mcp.tool(name="test_input_required_result_list_roots")
    async def roots(ctx: Context[Any, Any]) -> Asked:
        """Asks for the roots, by requiring input."""
        answer = (ctx.input_responses or {}).get("client_roots")
        if not isinstance(answer, ListRootsResult):
            return InputRequiredResult(input_requests={"client_roots": ListRootsRequest()})
        return _done("Roots: " + ", ".join(str(root.uri) for root in answer.roots))


def add_asking_prompt(mcp: MCPServer[Any]) -> None:
    """A prompt that asks before it is given."""

    @mcp.prompt(name="test_input_required_result_prompt")
    async def prompt(ctx: Context[Any, Any]) -> list[Message] | InputRequiredResult:
        """Asks the user for its context."""
        answer = _answer(ctx, "user_context")
        if answer is None:
            request = _form("What context should the prompt use?", "context")
            return InputRequiredResult(input_requests={"user_context": request})
        return [UserMessage(text(f"Context: {answer.get('context')}"))]


def add_stateful_questions(mcp: MCPServer[Any]) -> None:
    """Tools that hand the client a state, sealed by the server, to be given back."""

    async def confirm(ctx: Context[Any, Any]) -> Asked:
        """Asks with a state."""
        if ctx.request_state == "asked" and _answer(ctx, "confirm") is not None:
            return _done("state-ok")
        request = _form("Please confirm", "ok", "boolean")
        return InputRequiredResult(input_requests={"confirm": request}, request_state="asked")

    mcp.tool(name="test_input_required_result_request_state")(confirm)
    mcp.tool(name="test_input_required_result_tampered_state")(confirm)

    @mcp.tool(name="test_input_required_result_multiple_inputs")
    async def several(ctx: Context[Any, Any]) -> Asked:
        """Asks three things at once."""
        asked: dict[str, InputRequest] = {
            "user_name": _form("What is your name?", "name"),
            "greeting": _sampling("Generate a greeting", 50),
            "client_roots": ListRootsRequest(),
        }
        if ctx.request_state and asked.keys() <= (ctx.input_responses or {}).keys():
            return _done("All three are answered.")
        return InputRequiredResult(input_requests=asked, request_state="asked")

    @mcp.tool(name="test_input_required_result_multi_round")
    async def rounds(ctx: Context[Any, Any]) -> Asked:
        """Asks twice in a row."""
        if ctx.request_state == "second" and _answer(ctx, "step2") is not None:
            return _done("Both steps are answered.")
        if ctx.request_state == "first" and _answer(ctx, "step1") is not None:
            request = _form("Step 2: What is your favorite color?", "color")
            return InputRequiredResult(input_requests={"step2": request}, request_state="second")
        request = _form("Step 1: What is your name?", "name")
        return InputRequiredResult(input_requests={"step1": request}, request_state="first")
