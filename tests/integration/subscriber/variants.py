"""The form of the corpus's requests."""

from collections.abc import Callable
from dataclasses import dataclass

from subscriber_app.vocabulary import Reason
from tests.integration.subscriber.signer import Delivery, Headers


@dataclass(frozen=True, slots=True)
class Variant:
    """One request. ``reason``: the expected reason, or None if it should be accepted.

    ``is_chunked``: sent without Content-Length.
    """

    headers: Headers
    body: bytes
    reason: Reason | None
    is_chunked: bool = False


# The changed part and its value, as in the corpus; and the requests by name.
Rows = dict[tuple[str, str], dict[str, Variant]]


def variant(
    reason: Reason | None, delivery: Delivery | None = None, **headers: str | None
) -> Variant:
    """Return a valid delivery, or this one, with some headers changed after signing."""
    delivery = delivery or Delivery()
    return Variant(delivery.headers(**headers), delivery.body, reason)


def each(make: Callable[[str], Variant], *values: str) -> dict[str, Variant]:
    """Return one request for each value, named by it."""
    return {value: make(value) for value in values}
