"""The checks that the demo makes before it starts anything.

A failed check raises ``StartError``, so that the user reads one line instead of four logs.
"""

import errno
import fcntl
import random
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from hookshop.demo.plan import Application, StartError
from hookshop.webkit.folder_use import mark_in_use
from hookshop.webkit.hosts import MAX_PORT, try_bind

PORT_STEP = 10  # distance between the ports that are tried to suggest a free one
# Where to look for any free port: below the range of ephemeral ports, from which an outgoing
# connection could take the port of a program that is being restarted.
FREE_PORTS = range(20_000, 30_000)

# Returns the command that starts the demo with other settings, as the user would type it.
CommandWith = Callable[[Mapping[str, str]], str]


def make_command(settings: Mapping[str, str]) -> str:
    """Return ``make demo`` with these settings."""
    return " ".join(["make demo", *(f"{name}={value}" for name, value in settings.items())])


@contextmanager
def claim_folder(var: Path, command_with: CommandWith = make_command) -> Iterator[None]:
    """Create ``var`` and lock it against a second demo while the block runs.

    The lock belongs to the open file: the kernel releases it however this process ends.
    """
    with _open_lock(var) as lock:
        mark_in_use(var)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            other = {"HOOKSHOP_VAR": "var2", "SHOP_PORT": "8010", "SUBSCRIBER_PORT": "8011"}
            raise StartError(
                f"A demo is already running in {var}. To run another one: {command_with(other)}"
            ) from error
        yield


def _open_lock(var: Path) -> TextIO:
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
        return (var / "demo.lock").open("w")
    except OSError as error:
        raise StartError(f"HOOKSHOP_VAR={var} cannot be used: {error.strerror}") from error


def check_ports(
    applications: Sequence[Application], command_with: CommandWith = make_command
) -> None:
    """Raise ``StartError`` unless the applications' ports are free and differ."""
    ports = {application.port for application in applications}
    if len(ports) < len(applications):
        names = " and ".join(f"{application.prefix}_PORT" for application in applications)
        raise StartError(f"{names} must differ; both are {ports.pop()}")
    for application in applications:
        _check_port(application, ports, command_with)


def _check_port(application: Application, reserved: set[int], command_with: CommandWith) -> None:
    host, port, prefix = application.host, application.port, application.prefix
    try:
        try_bind(host, port)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise StartError(
                f"{prefix}_HOST={host}, {prefix}_PORT={port}: "
                f"the {application.name} cannot listen there: {error.strerror}"
            ) from error
        free = {f"{prefix}_PORT": str(_next_free_port(host, port, reserved))}
        raise StartError(f"Port {port} is taken. Choose another: {command_with(free)}") from error


def any_free_port(host: str, *, other_than: Container[int] = ()) -> int:
    """Return a port on which a server can listen. Raise ``StartError`` if the host has none."""
    for port in random.sample(FREE_PORTS, len(FREE_PORTS)):
        with suppress(OSError):
            if port not in other_than:
                try_bind(host, port)
                return port
    raise StartError(f"{host} has no free port from {FREE_PORTS[0]} to {FREE_PORTS[-1]}")


def _next_free_port(host: str, taken: int, reserved: set[int]) -> int:
    for port in range(taken + PORT_STEP, MAX_PORT, PORT_STEP):
        with suppress(OSError):
            if port not in reserved:
                try_bind(host, port)
                return port
    return taken - PORT_STEP
