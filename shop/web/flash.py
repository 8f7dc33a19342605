"""A flash message: the number of resent deliveries, in the query string of a redirect."""

import re
from collections.abc import Mapping

NAME = "sent_again"
_COUNT = re.compile(r"[0-9]{1,9}", re.ASCII)


def with_resent_count(address: str, count: int) -> str:
    """Return the address with the number of resent deliveries added to its query string."""
    return f"{address}{'&' if '?' in address else '?'}{NAME}={count}"


def read_resent_count(parameters: Mapping[str, str]) -> int | None:
    """Return the number in a query string, or None if it is missing or invalid."""
    text = parameters.get(NAME, "")
    return int(text) if _COUNT.fullmatch(text) else None
