"""Checks the host in a setting: whether the name is valid, and whether a server can listen."""

import socket

MAX_PORT = 65_535


def check_host_name(host: str) -> None:
    """Raise ``ValueError`` if no resolver accepts the name. An empty name passes."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("must have a host name whose parts have 1 to 63 characters") from None


def try_bind(host: str, port: int) -> None:
    """Raise ``OSError`` with the reason if no server can listen there now.

    Reasons: the port is taken or reserved, or the host is not an address of this machine.
    """
    try:
        candidates = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from error
    family, kind, protocol, _, address = candidates[0]
    with socket.socket(family, kind, protocol) as probe:
        # As servers do, ignore connections left by a process that has just ended.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
