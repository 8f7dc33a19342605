"""Turns the defenses of a naive receiver on and off by words that somebody types."""

import sys
import threading

import click

from hookshop.testing.naive import BadDefenses, NaiveReceiver, parse_defenses


class Switchboard:
    """Reads lines from a terminal. ``as_json``: print nothing but the webhooks."""

    def __init__(self, receiver: NaiveReceiver, *, as_json: bool) -> None:
        self._receiver = receiver
        self._as_json = as_json

    def start(self) -> None:
        """Show the defenses, and read lines in the background if a person types them."""
        if self._as_json:
            return
        self._show()
        if sys.stdin.isatty():
            click.echo("Type the name of a defense and Enter to turn it on or off.")
            threading.Thread(target=self._read_lines, daemon=True).start()

    def _read_lines(self) -> None:
        for line in sys.stdin:
            try:
                names = parse_defenses(line)
            except BadDefenses as error:
                click.echo(error)
                continue
            on = self._receiver.on
            self._receiver.change({name: name not in on for name in names})
            self._show()

    def _show(self) -> None:
        states = self._receiver.defenses().items()
        shown = (
            click.style(f"{name} {'on' if is_on else 'off'}", fg="green" if is_on else "yellow")
            for name, is_on in states
        )
        click.echo(f"Defenses: {', '.join(shown)}.")
