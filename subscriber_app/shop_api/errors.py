"""What can go wrong between the shop and us. Raised by ``shop_client`` and ``shop_log``."""


class ShopError(Exception):
    """The shop did not do what was asked; the message is a sentence for a person."""


class ShopUnreachable(ShopError):  # noqa: N818 – the name says what happened
    """The shop does not answer, or not sensibly; later it may."""
