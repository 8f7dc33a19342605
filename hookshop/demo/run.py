"""Runs a demo: check, run everything, clean up."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hookshop.demo.console import Console, refusal
from hookshop.demo.plan import Plan, StartError, logs_json, make_plan
from hookshop.demo.preflight import CommandWith, check_ports, claim_folder, make_command
from hookshop.demo.private_redis import RedisUnavailableError, find_server
from hookshop.demo.supervisor import supervise
from hookshop.redis_socket import private_redis_socket


def run(
    environ: Mapping[str, str] = os.environ,
    *,
    command_with: CommandWith = make_command,
    announces: bool = False,
) -> None:
    """Run until a signal arrives. Exit with 2 after one line if the demo cannot start.

    ``command_with``: the command that the line proposes. ``announces``: write one line of JSON to
    standard output once both applications serve, and everything else to standard error.
    """
    try:
        _run(make_plan(environ), command_with, announces=announces)
    except (RedisUnavailableError, StartError) as error:
        sys.stderr.write(f"{refusal(error, json_lines=logs_json(environ))}\n")
        sys.exit(2)
    finally:
        # Everything has stopped: a second Ctrl-C must not cause a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(plan: Plan, command_with: CommandWith, *, announces: bool) -> None:
    console = Console(
        sys.stderr if announces else sys.stdout,
        json_lines=plan.logs_json,
        announcements=sys.stdout if announces else None,
    )
    with claim_folder(plan.var, command_with):
        check_ports(plan.applications, command_with)
        if plan.redis:
            find_server()
        try:
            asyncio.run(supervise(plan, console))
        finally:
            _remove_socket_folder(plan.var.absolute())


def _remove_socket_folder(var: Path) -> None:
    # Redis removes its socket, but not the temporary folder of a socket outside `var`.
    folder = private_redis_socket(var).parent
    if folder != var:
        with suppress(OSError):
            folder.rmdir()
