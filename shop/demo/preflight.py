"""What must hold before the demo starts anything, checked by ``run``.

Each check that fails raises ``StartError``, so that a newcomer reads one line and not four logs.
"""

import errno
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from hookshop.webkit.hosts import MAX_PORT, bind_once
from shop.demo.programs import Application, Plan

PORT_STEP = 10  # how far away from a taken port a free one is looked for


class StartError(Exception):
    """The demo cannot run here and now; the message is one clear line for a person."""


@contextmanager
def claim_folder(var: Path) -> Iterator[None]:
    """Create ``var`` and keep a second demo out of it while the block runs.

    The lock belongs to the open file: it is free again however this process ends.
    """
    with _open_lock(var) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StartError(
                f"A demo is already running in {var}. Run another beside it: "
                "make demo HOOKSHOP_VAR=var2 SHOP_PORT=8010 SUBSCRIBER_PORT=8011"
            ) from error
        yield


def _open_lock(var: Path) -> TextIO:
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (var / "demo.lock").open("w")
    except OSError as error:
        raise StartError(f"HOOKSHOP_VAR={var} cannot be used: {error.strerror}") from error


def check_ports(plan: Plan) -> None:
    """Raise ``StartError`` unless each application's port is free and its own."""
    ports = {application.port for application in plan.applications}
    if len(ports) < len(plan.applications):
        names = " and ".join(application.port_variable for application in plan.applications)
        raise StartError(f"{names} must differ, and both are {ports.pop()}")
    for application in plan.applications:
        _check_port(application, ports)


def _check_port(application: Application, spoken_for: set[int]) -> None:
    host, port = application.host, application.port
    try:
        bind_once(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            host_variable = application.port_variable.replace("PORT", "HOST")
            line = (
                f"{host_variable}={host}, {application.port_variable}={port}: "
                f"the {application.name} cannot listen there: {error.strerror}"
            )
            raise StartError(line) from error
        other = f"{application.port_variable}={_free_port(host, port, spoken_for)}"
        raise StartError(f"Port {port} is taken. Choose another: make demo {other}") from error


def _free_port(host: str, taken: int, spoken_for: set[int]) -> int:
    for port in range(taken + PORT_STEP, MAX_PORT, PORT_STEP):
        with suppress(OSError):
            if port not in spoken_for:
                bind_once(host, port)
                return port
    return taken - PORT_STEP
