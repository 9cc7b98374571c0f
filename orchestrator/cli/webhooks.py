"""`ringout webhooks`: who is told of events, and what could not be told."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.answers import show
from orchestrator.cli.calls import AsJson, asked
from orchestrator.cli.ending import WRONG, Ended

if TYPE_CHECKING:
    from orchestrator.cli.rest_client import RestClient

_MANY, _DELIVERIES = "v1/webhooks", "v1/deliveries"

WebhookId = Annotated[str, typer.Argument(metavar="ID", help="A webhook's id (wh_...).")]
Url = Annotated[str, typer.Argument(metavar="URL", help="Where events are sent.")]
Types = Annotated[
    list[str] | None,
    typer.Option("--event", help="Only this event, such as call.ended; may be repeated."),
]
Reference = Annotated[
    str | None, typer.Option("--reference", help="Only events of calls with this reference.")
]
Description = Annotated[str | None, typer.Option(help="Shown with the webhook.")]
Since = Annotated[
    str | None,
    typer.Option(help="With a webhook's id: of events from this time (RFC 3339) on."),
]
Target = Annotated[
    str, typer.Argument(metavar="ID", help="A delivery's id (dlv_...), or a webhook's.")
]
Of = Annotated[str | None, typer.Argument(metavar="[ID]", help="Only those to this webhook.")]
Among = Annotated[str | None, typer.Option("--state", help="pending, delivered or dead.")]
Limit = Annotated[int, typer.Option(min=1, max=200, help="The most that are shown.")]

_group = typer.Typer(help="Webhooks and their deliveries.", rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    app.add_typer(_group, name="webhooks")


@_group.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the webhooks."""
    answer = asked(lambda client: client.ask("GET", _MANY))
    show(answer, [_webhook(one) for one in answer["webhooks"]], as_json=as_json)


@_group.command()
def add(
    url: Url,
    *,
    types: Types = None,
    reference: Reference = None,
    description: Description = None,
    as_json: AsJson = False,
) -> None:
    """Send events to a URL; its signing secret is shown this once."""
    wish: dict[str, Any] = {
        "url": url,
        "eventTypes": types or None,
        "filters": {"clientReference": reference} if reference is not None else None,
        "description": description,
    }
    body = {name: value for name, value in wish.items() if value is not None}
    webhook = asked(lambda client: client.ask("POST", _MANY, body))
    show(webhook, [_webhook(webhook), f"  secret     {webhook['secret']}"], as_json=as_json)


@_group.command()
def remove(webhook_id: WebhookId, *, as_json: AsJson = False) -> None:
    """Remove a webhook, and its deliveries with it."""
    asked(lambda client: client.ask("DELETE", _one(webhook_id)))
    show({"id": webhook_id, "removed": True}, [f"{webhook_id}  removed"], as_json=as_json)


@_group.command()
def enable(webhook_id: WebhookId, *, as_json: AsJson = False) -> None:
    """Enable a webhook that was disabled."""
    body = {"enabled": True}
    webhook = asked(lambda client: client.ask("PATCH", _one(webhook_id), body))
    show(webhook, [_webhook(webhook)], as_json=as_json)


@_group.command()
def redeliver(target: Target, *, since: Since = None, as_json: AsJson = False) -> None:
    """Attempt a delivery anew, or all dead ones of a webhook since a time."""
    if target.startswith("dlv_"):
        delivery = asked(lambda client: client.ask("POST", f"{_DELIVERIES}/{target}/redeliver"))
        show(delivery, [_delivery(delivery)], as_json=as_json)
        return
    if since is None:
        raise Ended("a webhook's deliveries are made anew since when? --since says so", WRONG)
    body = {"since": since}
    answer = asked(lambda client: client.ask("POST", f"{_one(target)}/redeliver", body))
    show(answer, [f"{answer['redelivered']} deliveries are made anew"], as_json=as_json)


@_group.command()
def deliveries(
    webhook_id: Of = None, *, state: Among = None, limit: Limit = 50, as_json: AsJson = False
) -> None:
    """List deliveries, the newest events first."""
    path = _DELIVERIES if webhook_id is None else f"{_one(webhook_id)}/deliveries"

    async def work(client: "RestClient") -> Any:
        return await client.ask("GET", path, state=state, limit=limit)

    answer = asked(work)
    show(answer, [_delivery(one) for one in answer["deliveries"]], as_json=as_json)


def _one(webhook_id: str) -> str:
    return f"{_MANY}/{webhook_id}"


def _webhook(webhook: dict[str, Any]) -> str:
    disabled, health = webhook["disabled"], webhook["health"]
    counts = ", ".join(f"{health[name]} {name}" for name in ("pending", "delivered", "dead"))
    rows = [
        ("events", ", ".join(webhook["eventTypes"] or ["all"])),
        ("reference", webhook["filters"]["clientReference"]),
        ("about", webhook["description"]),
        ("deliveries", counts),
        ("failing", health["failures"] and f"{health['failures']} times, {health['lastFailure']}"),
        ("disabled", disabled and disabled["message"]),
    ]
    shown = (f"  {name:<10} {value}" for name, value in rows if value)
    state = "disabled" if disabled else "enabled"
    return "\n".join([f"{webhook['id']}  {state}  {webhook['url']}", *shown])


def _delivery(delivery: dict[str, Any]) -> str:
    failure = delivery["failure"]
    parts = [
        delivery["id"],
        f"{delivery['state']:<9}",
        f"{delivery['type']:<21}",
        delivery["call"],
        f"{delivery['attempts']} attempts",
        failure["message"] if failure else "",
    ]
    return "  ".join(part for part in parts if part)
