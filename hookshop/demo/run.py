"""Runs a demo: check, run everything, clean up."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from hookshop.demo.console import Console, refusal
from hookshop.demo.plan import StartError, logs_json, make_plan
from hookshop.demo.preflight import check_ports, claim_folder
from hookshop.demo.private_redis import RedisUnavailableError, find_server
from hookshop.demo.supervisor import supervise
from hookshop.redis_socket import private_redis_socket


def run() -> None:
    """Run until a signal arrives. Exit with 2 after one line if the demo cannot start."""
    try:
        _run()
    except (RedisUnavailableError, StartError) as error:
        sys.stderr.write(f"{refusal(error, json_lines=logs_json(os.environ))}\n")
        sys.exit(2)
    finally:
        # Everything has stopped: a second Ctrl-C must not cause a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run() -> None:
    plan = make_plan(os.environ)
    with claim_folder(plan.var):
        check_ports(plan.applications)
        if plan.redis:
            find_server()
        try:
            asyncio.run(supervise(plan, Console(sys.stdout, json_lines=plan.logs_json)))
        finally:
            _remove_socket_folder(plan.var.absolute())


def _remove_socket_folder(var: Path) -> None:
    # Redis removes its socket, but not the temporary folder of a socket outside `var`.
    folder = private_redis_socket(var).parent
    if folder != var:
        with suppress(OSError):
            folder.rmdir()
