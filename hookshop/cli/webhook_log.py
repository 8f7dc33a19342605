"""What ``hookshop receive`` prints and saves."""

import json
import os
import sys
import threading
from pathlib import Path

import click

from hookshop.cli import webhook_report
from hookshop.cli.json_api import JsonApi
from hookshop.testing.webhook_server import ReceivedWebhook, Subscription


class WebhookLog:
    """Prints and saves what arrives, one request at a time."""

    def __init__(
        self, over: threading.Event, *, folder: Path | None, count: int | None, as_json: bool
    ) -> None:
        self._over = over
        self._folder = folder
        self._count = count
        self._as_json = as_json
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}  # of the last request with a webhook-id
        self._received = 0
        self._saved = _prepare(folder) if folder else 0

    def started(self, own: Subscription, shop: JsonApi) -> None:
        """Say that webhooks can come."""
        if self._as_json:
            click.echo(json.dumps({"url": own.url, "endpoint_id": own.endpoint_id}))
            return
        click.echo(f"Listening at {own.url}, registered with {shop.url} as {own.endpoint_id}.")
        click.echo("Ctrl-C ends and unregisters it.")

    def add(self, webhook: ReceivedWebhook) -> None:
        """Print and save one request."""
        with self._lock:
            if self._over.is_set() and self._count:
                return  # came after the last one
            self._received += 1
            earlier = self._numbers.get(webhook.message_id or "")
            self._numbers[webhook.message_id or ""] = self._received
            try:
                self._print(webhook, earlier if webhook.message_id else None)
            except BrokenPipeError:
                self._end_without_reader()
            if self._folder:
                self._save(self._folder, webhook.raw)
            if self._received == self._count:
                self._over.set()

    def _print(self, webhook: ReceivedWebhook, earlier: int | None) -> None:
        if self._as_json:
            click.echo(json.dumps(webhook_report.document(webhook, self._received, earlier)))
            return
        click.echo()
        for line in webhook_report.lines(webhook, self._received, earlier):
            click.echo(line)

    def _end_without_reader(self) -> None:
        """End: the program that read the output has ended. Python must not write to it again."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        self._over.set()

    def _save(self, folder: Path, raw: bytes) -> None:
        self._saved += 1
        file = folder / f"{self._saved:04}.http"
        try:
            file.write_bytes(raw)
        except OSError as error:
            click.echo(f"{file} cannot be written: {error.strerror}", err=True)
            return
        if not self._as_json:
            click.echo(f"  Saved as {file}")


def _prepare(folder: Path) -> int:
    """Create the folder, and return the highest number of a file in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = [path.stem for path in folder.glob("*.http")]
    except OSError as error:
        raise click.BadParameter(f"{folder}: {error.strerror}", param_hint="'--save'") from error
    return max((int(name) for name in names if name.isdecimal()), default=0)
