"""The command line: its commands, colors, and what happens with errors."""

import os

import click

from hookshop import __version__
from hookshop.cli.programs import demo

EXIT_CODES = """
Exit codes: 0 success, 1 the command failed, 2 wrong usage or wrong settings.
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
    if os.environ.get("NO_COLOR"):
        context.color = False


hookshop.add_command(demo)


def main() -> None:
    """Run the command of ``sys.argv`` and exit with its code."""
    hookshop(prog_name="hookshop")
