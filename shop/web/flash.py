"""How many deliveries were just sent again, carried by the address to the page that says so.

Written by ``recovery`` and ``bulk_retry``, which redirect there; read by the pages.
"""

import re
from collections.abc import Mapping

NAME = "sent_again"
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)


def with_sent_again(address: str, count: int) -> str:
    """The same page, which then says how many were sent again."""
    return f"{address}{'&' if '?' in address else '?'}{NAME}={count}"


def read_sent_again(parameters: Mapping[str, str]) -> int | None:
    """The number in an address's query; None when there is none that makes sense."""
    text = parameters.get(NAME, "")
    return int(text) if _COUNT.fullmatch(text) else None
