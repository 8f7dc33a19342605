"""The course of a demo: check, run everything, leave nothing behind. Called by ``__main__``."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from hookshop.webkit.settings import ConfigurationError
from shop.config import load_settings, private_redis_socket
from shop.demo.console import Console
from shop.demo.preflight import StartError, check_ports, claim_folder
from shop.demo.programs import Plan
from shop.demo.supervisor import supervise
from shop.embedded_redis import RedisUnavailableError, find_server


def run() -> None:
    """Run until a signal comes; exit with 2 and one clear line when the demo cannot start."""
    try:
        _run(Console(sys.stdout))
    except (ConfigurationError, RedisUnavailableError, StartError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
    finally:
        # A second, impatient Ctrl-C finds nothing left to stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run(console: Console) -> None:
    settings = load_settings()
    plan = Plan.read(settings, os.environ)
    with claim_folder(settings.var):
        check_ports(plan)
        if not settings.redis_url:
            find_server()
        try:
            asyncio.run(supervise(plan, console))
        finally:
            _remove_socket_folder(settings.var.absolute())


def _remove_socket_folder(var: Path) -> None:
    """Redis removes its socket; the folder of one that lies outside ``var`` is left to us."""
    folder = private_redis_socket(var).parent
    if folder != var:
        with suppress(OSError):
            folder.rmdir()
