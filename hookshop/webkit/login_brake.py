"""Slows down guessing of the admin token.

After five wrong tokens from one address, that address must wait before each further attempt: a
second first, then twice as long each time, up to a minute. Other addresses are not affected. The
counts are in memory, so each process of an application counts for itself.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from litestar.connection import ASGIConnection

FREE_FAILURES = 5
MAX_DELAY_SECONDS = 60
FORGET_SECONDS = 15 * 60  # after the last wrong token
MAX_ADDRESSES = 10_000  # bounds the memory
IPV6_PREFIX = 64  # bits: the smallest network that one customer gets

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Failures:
    """The wrong tokens of one address. ``last_at``, ``blocked_until``: in seconds of the clock."""

    count: int = 0
    last_at: float = 0.0
    blocked_until: float = 0.0
    tokens: set[int] = field(default_factory=set)  # their hashes


class LoginBrake:
    """Counts wrong tokens by address. ``clock``: returns seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[str, _Failures] = {}  # those with the latest failure last

    def wait_seconds(self, address: str) -> int:
        """Return how long the address must wait, in whole seconds; 0 if it may try a token now."""
        failures = self._failures.get(address)
        return max(0, math.ceil(failures.blocked_until - self._clock())) if failures else 0

    def record_failure(self, address: str, token: str, *, is_person: bool) -> None:
        """Count a wrong token, and log the delay if there is one.

        A program that repeats one wrong token is not guessing, so it is counted once.
        """
        now = self._clock()
        self._forget(now)
        failures = self._failures.pop(address, None) or _Failures()
        self._failures[address] = failures
        failures.last_at = now
        if not is_person and hash(token) in failures.tokens:
            return
        failures.tokens.add(hash(token))
        failures.count += 1
        if failures.count >= FREE_FAILURES:
            delay = min(2 ** (failures.count - FREE_FAILURES), MAX_DELAY_SECONDS)
            failures.blocked_until = now + delay
            logger.warning(
                "%d wrong admin tokens from %s: the next attempt from there must wait %d s",
                failures.count,
                address,
                delay,
            )

    def record_success(self, address: str) -> None:
        """Forget the wrong tokens of an address."""
        self._failures.pop(address, None)

    def _forget(self, now: float) -> None:
        while self._failures:
            address, oldest = next(iter(self._failures.items()))
            if len(self._failures) < MAX_ADDRESSES and now < oldest.last_at + FORGET_SECONDS:
                return
            del self._failures[address]


def client_address(connection: "ASGIConnection[Any, Any, Any, Any]") -> str:
    """Return the address of the client; for IPv6 its network, as each client has many addresses."""
    host = connection.client.host if connection.client else "unknown"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(ip_network((address.packed, IPV6_PREFIX), strict=False))
    return host
