"""Checks the hosts that settings name: for a resolver, and for a server that listens."""

import socket

MAX_PORT = 65_535


def check_name(host: str) -> None:
    """Raise ``ValueError`` for what no resolver takes; an empty name passes."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("must have a host name whose parts have 1 to 63 characters") from None


def bind_once(host: str, port: int) -> None:
    """Find out whether a server could listen there now.

    Raises ``OSError`` with the reason: the port is taken, or is reserved, or the host is no address
    of this machine.
    """
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from error
    family, kind, protocol, _, address = candidates[0]
    with socket.socket(family, kind, protocol) as probe:
        # As the servers do: connections of a process that has just ended are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
