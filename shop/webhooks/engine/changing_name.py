"""A host name that changes its mind, to show why each address is checked when it is connected to.

An attacker registers a name that leads to an allowed address, and later lets it lead to an internal
one (DNS rebinding). ``CHANGING_NAME`` does so at each second lookup, without any DNS server. It
ends in ``.test``, which no DNS server answers (RFC 6761, section 6.2), so it hides no real host.
"""

import itertools
import socket

from aiohttp.abc import ResolveResult

CHANGING_NAME = "changes-its-mind.hookshop.test"
ADDRESSES = ("127.0.0.1", "169.254.169.254")  # this machine; where clouds keep credentials


class ChangingName:
    """Resolves the name to each of the addresses in turn."""

    def __init__(self) -> None:
        self._addresses = itertools.cycle(ADDRESSES)

    def resolve(self, port: int) -> list[ResolveResult]:
        """Return the next address."""
        return [
            ResolveResult(
                hostname=CHANGING_NAME,
                host=next(self._addresses),
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]
