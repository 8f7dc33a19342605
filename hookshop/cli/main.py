"""The command line: its commands, colors, and what happens with errors."""

import io
import os
import sys

import click

from hookshop import __version__
from hookshop.cli.buying import buy
from hookshop.cli.programs import demo, exam, shop, subscriber, worker
from hookshop.cli.receiving import receive
from hookshop.cli.sandboxes import sandbox

INTERRUPTED = 130  # as shells do: 128 and the number of SIGINT
EXIT_CODES = """
Exit codes: 0 success, 1 the command failed, 2 wrong usage or settings, 130 interrupted.
"""


@click.group(
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(version)s")
@click.pass_context
def hookshop(context: click.Context) -> None:
    """Hookshop is a webhook lab that runs on your machine.

    It has a shop that sends signed webhooks, and a subscriber that receives and verifies them.
    """
    context.color = _color()


for command in (demo, shop, worker, subscriber, sandbox, buy, receive, exam):
    hookshop.add_command(command)


def main() -> None:
    """Run the command of ``sys.argv`` and exit with its code. Each error is one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # its encoding may lack some characters
            stream.reconfigure(errors="backslashreplace")
    try:
        code = hookshop.main(prog_name="hookshop", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"{click.style('Error:', fg='red')} {_line(error)}", err=True, color=_color())
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
    sys.exit(code if isinstance(code, int) else 0)


def _color() -> bool | None:
    """Return False if the user wants no colors; None: colors if the output is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _line(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" ({context.command_path} --help tells more)" if context else ""
    return error.format_message() + hint
