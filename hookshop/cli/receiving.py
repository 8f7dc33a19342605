"""``hookshop receive``: a receiver on this machine that registers itself and explains webhooks."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from hookshop.cli.json_api import BaseUrl, CallError, JsonApi
from hookshop.cli.options import shop_options
from hookshop.cli.switchboard import Switchboard
from hookshop.cli.webhook_log import WebhookLog
from hookshop.testing.fault_script import BadFault, Fault, parse_script
from hookshop.testing.naive import BadDefenses, Defense, NaiveReceiver, parse_defenses
from hookshop.testing.webhook_server import Subscription, WebhookServer
from hookshop.webkit.hosts import MAX_PORT, host_in_urls

DEFAULT_PORT = 9000
PATH = "/hook"
DESCRIPTION = "hookshop receive"
EVENT_TYPES = ("purchase.created", "purchase.shipped", "purchase.refunded")
CONFLICT, NOT_FOUND = 409, 404


class FaultScript(click.ParamType[tuple[Fault | None, ...]]):
    """The type of ``--faults``."""

    name = "SCRIPT"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Fault | None, ...]:
        """Return the faults."""
        try:
            return parse_script(value)
        except BadFault as error:
            self.fail(str(error), param, ctx)


class Defenses(click.ParamType[tuple[Defense, ...]]):
    """The type of ``--defend``."""

    name = "NAMES"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Defense, ...]:
        """Return the defenses."""
        try:
            return parse_defenses(value)
        except BadDefenses as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("port", type=click.IntRange(0, MAX_PORT), default=DEFAULT_PORT)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option(
    "--url",
    type=BaseUrl(),
    help="URL at which the shop reaches this receiver, if it is not on this machine.",
)
@click.option(
    "--event",
    "event_types",
    type=click.Choice(EVENT_TYPES),
    multiple=True,
    help="Event type to subscribe to; can be repeated. Default: all.",
)
@click.option(
    "--faults",
    type=FaultScript(),
    default="200",
    help='What to do wrong: one word for each request, such as "503,timeout,429:5,drop".',
)
@click.option(
    "--save",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep each raw request as a file in this folder.",
)
@click.option(
    "--naive", is_flag=True, help="Believe everything, and say what a defense would have noticed."
)
@click.option(
    "--defend",
    "defenses",
    type=Defenses(),
    default="",
    metavar="NAME,…",
    help=f"With --naive: the defenses to begin with, of {', '.join(Defense)}.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after this many requests.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each request.")
@shop_options()
def receive(
    port: int,
    host: str,
    url: str | None,
    event_types: tuple[str, ...],
    faults: tuple[Fault | None, ...],
    folder: Path | None,
    naive: bool,
    defenses: tuple[Defense, ...],
    count: int | None,
    as_json: bool,
    shop: JsonApi,
) -> None:
    """Receive webhooks on PORT and explain them, step by step.

    PORT is 9000, or 0 for any free port. The receiver registers itself with the shop, verifies each
    webhook, and responds with 204 if it is genuine, else with 401. Ctrl-C ends and unregisters it.

    Words of --faults: 200, a status (503), a status with Retry-After (429:5), slow:3, timeout,
    drop, accept_then_500. See docs/faults.md. After the last word, responses are normal.

    With --naive, type the name of a defense and Enter to turn it on or off.

    Exit codes: 0 ended by Ctrl-C, SIGTERM or --count, 1 the shop refuses, does not answer or keeps
    the registration, 2 wrong usage, or it cannot listen on the port.
    """
    over = threading.Event()
    log = WebhookLog(over, folder=folder, count=count, as_json=as_json)
    if defenses and not naive:
        raise click.UsageError("--defend needs --naive: other receivers have all defenses on")
    naive_receiver = NaiveReceiver(defenses) if naive else None
    server = _listen(log, host, port, faults, naive_receiver)
    server.start()
    with _signals_set(over):
        try:
            with _registered(shop, url or _own_url(host, server.port), event_types) as own:
                server.subscription = own
                log.started(own, shop)
                if naive_receiver:
                    Switchboard(naive_receiver, as_json=as_json).start()
                over.wait()
        finally:
            server.stop()


def _listen(
    log: WebhookLog,
    host: str,
    port: int,
    faults: tuple[Fault | None, ...],
    naive: NaiveReceiver | None,
) -> WebhookServer:
    try:
        return WebhookServer(log.add, host=host, port=port, faults=faults, naive=naive)
    except (OSError, UnicodeError) as error:
        raise click.UsageError(
            f"Cannot listen at {host}:{port} ({getattr(error, 'strerror', None) or error}). "
            "Choose another port, or any free one: hookshop receive 0"
        ) from error


def _own_url(host: str, port: int) -> str:
    return f"http://{host_in_urls(host)}:{port}"


@contextmanager
def _signals_set(over: threading.Event) -> Iterator[None]:
    """Have the first Ctrl-C or SIGTERM set the event while the block runs.

    A second one ends the process, for example if the shop hangs.
    """
    former = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore(*_signal: object) -> None:
        over.set()
        for number, handler in former.items():
            signal.signal(number, handler)

    for number in former:
        signal.signal(number, restore)
    try:
        yield
    finally:
        restore()


@contextmanager
def _registered(
    shop: JsonApi, base_url: str, event_types: tuple[str, ...]
) -> Iterator[Subscription]:
    """Register the URL while the block runs.

    What an earlier receiver that was killed has left behind is replaced. Raise ``CallError``.
    """
    url = base_url if urlsplit(base_url).path else base_url + PATH
    body = {
        "webhook_url": url,
        "event_types": event_types or EVENT_TYPES,
        "description": DESCRIPTION,
    }
    try:
        made = shop.call("POST", "/v1/webhooks/register", body)
    except CallError as error:
        _delete_former(shop, error)
        made = shop.call("POST", "/v1/webhooks/register", body)
    try:
        yield Subscription(made["id"], (made["secret"],), url, made["issuer"])
    finally:
        _unregister(shop, made["id"])


def _delete_former(shop: JsonApi, error: CallError) -> None:
    """Delete the endpoint with our URL if it was a receiver's. Raise ``error`` if not."""
    endpoint_id = error.document.get("endpoint_id")
    if error.status != CONFLICT or endpoint_id is None:
        raise error
    if shop.call("GET", f"/v1/webhooks/{endpoint_id}")["description"] != DESCRIPTION:
        raise error
    shop.call("DELETE", f"/v1/webhooks/{endpoint_id}")


def _unregister(shop: JsonApi, endpoint_id: str) -> None:
    try:
        shop.call("DELETE", f"/v1/webhooks/{endpoint_id}")
    except CallError as error:
        if error.status != NOT_FOUND:  # someone has deleted the endpoint, or the sandbox
            raise CallError(f"{endpoint_id} is still registered. {error.message}") from error
