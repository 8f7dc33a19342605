"""The course of a demo: check, run everything, leave nothing behind."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from hookshop.demo.console import Console
from hookshop.demo.plan import StartError, make_plan
from hookshop.demo.preflight import check_ports, claim_folder
from hookshop.demo.private_redis import RedisUnavailableError, find_server
from hookshop.demo.supervisor import supervise
from hookshop.redis_socket import private_redis_socket


def run() -> None:
    """Run until a signal comes. Exit with 2 and one clear line if the demo cannot start."""
    try:
        _run()
    except (RedisUnavailableError, StartError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    finally:
        # A second, impatient Ctrl-C finds nothing left to stop.
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
    # Redis removes its socket, but not the temporary folder of one that lies outside `var`.
    folder = private_redis_socket(var).parent
    if folder != var:
        with suppress(OSError):
            folder.rmdir()
