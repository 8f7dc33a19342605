"""A shop and a subscriber of a test's own: a sandbox in each application of one demo."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from hookshop import testing
from hookshop.testing import HookshopServer


class Running(Protocol):
    """A running demo."""

    @property
    def shop_url(self) -> str: ...

    @property
    def subscriber_url(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Pair:
    """Where a shop and its subscriber begin.

    ``static``: where their static files are. ``counts_from``: in Unix seconds, when the subscriber
    begins to count money: at a whole second, since the dates of events have whole ones.
    """

    shop_url: str
    subscriber_url: str
    static: tuple[str, ...]
    counts_from: int = 0

    @classmethod
    def main(cls, demo: Running) -> "Pair":
        """Return the pair that every demo has."""
        return cls(demo.shop_url, demo.subscriber_url, _static(demo))


@contextmanager
def new_pair(demo: Running, **settings: Any) -> Iterator[Pair]:
    """Make a sandbox in each application, the one subscribed to the other, and drop both.

    ``settings``: of the shop's sandbox, such as ``retry_schedule``; the others are the demo's.
    """
    server = HookshopServer(demo.shop_url, demo.subscriber_url)
    with testing.new_pair(server, **{"jitter": None, **settings}) as made:
        counts_from = math.floor(time.time()) + 1
        yield Pair(made.shop.url, made.subscriber.url, _static(demo), counts_from)


def _static(demo: Running) -> tuple[str, ...]:
    return (f"{demo.shop_url}/static", f"{demo.subscriber_url}/static")
