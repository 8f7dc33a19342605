"""Checks whether a host that a setting names can be resolved or listened on."""

import socket

MAX_PORT = 65_535


def check_name(host: str) -> None:
    """Raise ``ValueError`` for a name that no resolver takes; an empty name passes."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("must have a host name whose parts have 1 to 63 characters") from None


def bind_once(host: str, port: int) -> None:
    """Raise ``OSError`` with the reason if no server can listen there now.

    The port is taken or reserved, or the host is no address of this machine.
    """
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from error
    family, kind, protocol, _, address = candidates[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do: connections of a process that has just ended are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
