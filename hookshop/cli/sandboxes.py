"""``hookshop sandbox``: make, list, empty and drop sandboxes of a shop and its subscriber."""

import json
from collections.abc import Sequence
from typing import Any

import click

from hookshop.cli.json_api import CallError, JsonApi
from hookshop.cli.options import json_option, shop_options, subscriber_options

MAIN = "main"


@click.group()
def sandbox() -> None:
    """Make, list, empty and drop sandboxes.

    A sandbox is a shop of your own in the same processes: see docs/sandboxes.md.
    """


@sandbox.command()
@click.argument("sandbox_id", metavar="[ID]", required=False)
@click.option("--expires-in", type=int, metavar="SECONDS", help="Default: a day.")
@click.option("--retry-schedule", help="demo, standard, or seconds such as 0,0.2,0.2.")
@click.option("--jitter", type=float, help="Share by which delays vary, 0 to 0.5. Default: 0.2.")
@click.option("--request-timeout", type=float, metavar="SECONDS", help="Deadline of one attempt.")
@click.option("--breaker-failures", type=int, help="Failures that open a circuit breaker; 0: off.")
@click.option(
    "--disable-after-failures", type=int, help="Failures that disable an endpoint; 0: never."
)
@subscriber_options
@shop_options(of_sandbox=False)
@json_option
def create(
    sandbox_id: str | None,
    shop: JsonApi,
    subscriber: JsonApi | None,
    as_json: bool,
    expires_in: int | None,
    request_timeout: float | None,
    **settings: Any,
) -> None:
    """Make a sandbox and print its base URL.

    Without an ID, it gets one that cannot be guessed. With --subscriber, also make a sandbox of the
    subscriber with the same ID, and subscribe it.
    """
    wanted = {
        "id": sandbox_id,
        "expires_in_seconds": expires_in,
        "request_timeout_seconds": request_timeout,
        **settings,
    }
    body = {name: value for name, value in wanted.items() if value is not None}
    made = {"shop": shop.call("POST", "/v1/sandboxes", body)}
    if subscriber:
        made["subscriber"] = _pair(made["shop"], shop, subscriber)
    if as_json:
        click.echo(json.dumps(made))
        return
    for name, document in made.items():
        key = f"  token: {document['token']}" if document["token"] else ""
        click.echo(f"{name:<10}  {document['base_url']}{key}")


def _pair(made: dict[str, Any], shop: JsonApi, subscriber: JsonApi) -> dict[str, Any]:
    """Make the subscriber's sandbox. If that fails, drop the shop's: half a pair helps nobody."""
    body = {"id": made["id"], "shop_url": made["base_url"], "shop_token": made["token"]}
    try:
        document: dict[str, Any] = subscriber.call(
            "POST", "/v1/sandboxes", {name: value for name, value in body.items() if value}
        )
    except CallError:
        shop.call("DELETE", f"/v1/sandboxes/{made['id']}")
        raise
    return document


@sandbox.command("list")
@shop_options(of_sandbox=False)
@json_option
def list_sandboxes(shop: JsonApi, as_json: bool) -> None:
    """List all sandboxes, newest first."""
    sandboxes, cursor = [], ""
    while True:
        page = shop.call("GET", f"/v1/sandboxes?limit=100{cursor}")
        sandboxes += page["data"]
        if not page["next_cursor"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    if as_json:
        click.echo(json.dumps(sandboxes))
        return
    rows = [(each["id"], each["base_url"], each["expires_at"] or "never") for each in sandboxes]
    _print_table(("id", "base URL", "expires"), rows)


@sandbox.command()
@click.argument("sandbox_id", metavar="ID")
@click.option("--keep-endpoints", is_flag=True, help="Keep its endpoints and their secrets.")
@subscriber_options
@shop_options(of_sandbox=False)
def reset(
    sandbox_id: str,
    keep_endpoints: bool,
    shop: JsonApi,
    subscriber: JsonApi | None,
) -> None:
    """Delete everything in a sandbox. The ID main is what is outside of all sandboxes."""
    prefix = "" if sandbox_id == MAIN else f"/s/{sandbox_id}"
    shop.call(
        "POST", f"{prefix}/v1/sandbox/reset", {"keep": ["endpoints"]} if keep_endpoints else {}
    )
    if subscriber:
        body = {"keep": ["subscription"]} if keep_endpoints else {}
        subscriber.call("POST", f"{prefix}/v1/sandbox/reset", body)
    click.echo(f"{sandbox_id} is empty.")


@sandbox.command()
@click.argument("sandbox_ids", metavar="ID...", nargs=-1, required=True)
@subscriber_options
@shop_options(of_sandbox=False)
def drop(
    sandbox_ids: tuple[str, ...],
    shop: JsonApi,
    subscriber: JsonApi | None,
) -> None:
    """Drop sandboxes, with everything in them."""
    for sandbox_id in sandbox_ids:
        for api in filter(None, (subscriber, shop)):
            api.call("DELETE", f"/v1/sandboxes/{sandbox_id}")
        click.echo(f"{sandbox_id} is dropped.")


def _print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns that are as wide as their longest text."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        cells = (f"{text:<{width}}" for text, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
