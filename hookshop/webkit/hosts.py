"""Checks hosts: whether a name is valid, what it means, and whether a server can listen there."""

import socket
from ipaddress import ip_address

MAX_PORT = 65_535


def check_host_name(host: str) -> None:
    """Raise ``ValueError`` if no resolver accepts the name. An empty name passes."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError("must have a host name whose parts have 1 to 63 characters") from None


def is_address(host: str) -> bool:
    """Return whether ``host`` is an IP address. IPv6 addresses have no brackets here."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback_name(host: str) -> bool:
    """Return whether every resolver takes the name, in lower case, for this machine (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")


def host_in_urls(host: str) -> str:
    """Return the host part of URLs of a server that listens on ``host``.

    ``0.0.0.0`` and ``::`` become ``127.0.0.1``. IPv6 addresses get brackets.
    """
    if host in {"0.0.0.0", "::"}:  # noqa: S104 – compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


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
