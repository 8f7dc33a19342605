"""Commands that run programs of Hookshop: the whole demo, or one of its processes."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from hookshop.demo.plan import StartError
from hookshop.demo.preflight import any_free_port
from hookshop.demo.run import run
from hookshop.locations import program_environment, python_command
from hookshop.webkit.hosts import MAX_PORT

DEFAULT_HOST = "127.0.0.1"
OPTIONS = {
    "HOOKSHOP_VAR": "--var",
    "SHOP_PORT": "--shop-port",
    "SUBSCRIBER_PORT": "--subscriber-port",
}
PORT = click.IntRange(0, MAX_PORT)


@click.command()
@click.option("--shop-port", type=PORT, help="Port of the shop; 0: any free one. Default: 8000.")
@click.option(
    "--subscriber-port", type=PORT, help="Port of the subscriber; 0: any free one. Default: 8001."
)
@click.option(
    "--var",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for databases, keys and logs. It is created if it does not exist.",
)
@click.option(
    "--json",
    "announces",
    is_flag=True,
    help="Print one line of JSON with shop_url, subscriber_url and var once both applications "
    "serve. All other output goes to standard error.",
)
def demo(
    shop_port: int | None, subscriber_port: int | None, var: Path | None, announces: bool
) -> None:
    """Run shop, worker, subscriber and a private Redis until Ctrl-C.

    Environment variables set everything else, for example SHOP_RETRY_SCHEDULE=standard. Options
    come before the variables SHOP_PORT, SUBSCRIBER_PORT and HOOKSHOP_VAR.

    The demo also stops when the program that reads its output has ended.

    Exit codes: 0 stopped by Ctrl-C or SIGTERM, 2 it cannot start.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback before the demo handles it
    try:
        ports = dict(_port_settings({"SHOP": shop_port, "SUBSCRIBER": subscriber_port}, os.environ))
    except StartError as error:
        raise click.UsageError(str(error)) from error
    folder = {"HOOKSHOP_VAR": str(var)} if var else {}
    run({**os.environ, **ports, **folder}, command_with=_demo_command, announces=announces)


def _process_command(name: str, module: str, text: str) -> click.Command:
    """Return the command that runs one process alone, as ``python -m`` does in a clone."""

    @click.command(name, help=text)
    def run_process() -> None:
        command = python_command(module)
        os.execve(command[0], command, program_environment(os.environ))  # noqa: S606 – no shell

    return run_process


@click.command(
    add_help_option=False,  # the exam has its own
    context_settings={"ignore_unknown_options": True},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def exam(arguments: tuple[str, ...]) -> None:
    """Examine a receiver of webhooks: see hookshop exam --help."""
    command = [*python_command("shop.exam"), *arguments]
    os.execve(command[0], command, program_environment(os.environ))  # noqa: S606 – no shell


AS_SET = "Environment variables set it up: see docs/settings.md."
shop = _process_command("shop", "shop", f"Run only the shop.\n\n{AS_SET}")
worker = _process_command("worker", "shop.worker", f"Run only the shop's worker.\n\n{AS_SET}")
subscriber = _process_command(
    "subscriber", "subscriber_app", f"Run only the subscriber.\n\n{AS_SET}"
)


def _port_settings(
    given: Mapping[str, int | None], environ: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield the variables for the ports that are given, with a free port in place of each 0."""
    taken = {port for port in given.values() if port}
    for prefix, port in given.items():
        if port is None:
            continue
        host = environ.get(f"{prefix}_HOST") or DEFAULT_HOST
        chosen = port or any_free_port(host, other_than=taken)
        taken.add(chosen)
        yield f"{prefix}_PORT", str(chosen)


def _demo_command(settings: Mapping[str, str]) -> str:
    return " ".join(["hookshop demo", *(f"{OPTIONS[name]} {settings[name]}" for name in settings)])
