"""The shape in which the corpus is sent."""

from collections.abc import Callable
from dataclasses import dataclass

from subscriber_app.vocabulary import Reason
from tests.integration.subscriber.signer import Delivery, Headers


@dataclass(frozen=True, slots=True)
class Variant:
    """One request. ``reason``: why it is to be refused, or None when it is to be accepted.

    ``is_chunked``: sent in pieces, without Content-Length.
    """

    headers: Headers
    body: bytes
    reason: Reason | None
    is_chunked: bool = False


# What is changed and its value, as the corpus has them; and the requests by what they are called.
Rows = dict[tuple[str, str], dict[str, Variant]]


def variant(
    reason: Reason | None, delivery: Delivery | None = None, **headers: str | None
) -> Variant:
    """A valid delivery, or this one, with some headers changed after signing."""
    delivery = delivery or Delivery()
    return Variant(delivery.headers(**headers), delivery.body, reason)


def each(make: Callable[[str], Variant], *values: str) -> dict[str, Variant]:
    """One request for each value, called like it."""
    return {value: make(value) for value in values}
