"""Cuts a Python process off from all other machines, as in a classroom without the internet.

Python imports a module of this name at its start, if it is on the PYTHONPATH. So the demo that the
tests share can reach nothing but this machine, whatever library opens the connection.
"""

import errno
import ipaddress
import socket
import sys
from typing import Any

NO_INTERNET = "there is no internet in this test"


def refuse_other_machines(event: str, args: tuple[Any, ...]) -> None:
    """Raise for a connection to another machine, and for the lookup of its name."""
    if event == "socket.connect":
        address = args[1]
        if isinstance(address, tuple) and not _is_this_machine(address[0]):
            raise OSError(errno.ENETUNREACH, NO_INTERNET)
    if event == "socket.getaddrinfo" and _is_name(args[0]):
        raise socket.gaierror(socket.EAI_AGAIN, NO_INTERNET)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_name(host: str | bytes | None) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    if text in {None, "", "localhost"}:
        return False
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return True
    return False


if __name__ == "sitecustomize":  # not if a test imports it
    sys.addaudithook(refuse_other_machines)
