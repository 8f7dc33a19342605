"""The errors of requests to the shop."""


class ShopError(Exception):
    """The shop refused a request. The message is a sentence for a person."""


class ShopUnreachable(ShopError):  # noqa: N818 – the name says what happened
    """The shop gave no valid response. A later request may succeed."""
