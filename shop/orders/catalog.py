"""The products that the shop sells. They are code, because a demo needs no product management.

Orders always use these prices; a client cannot send its own.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Product:
    """A product. ``price_cents``: integer cents in the shop's currency."""

    id: str
    name: str
    price_cents: int
    emoji: str
    blurb: str


CATALOG = (
    Product("hook", "Brass Wall Hook", 1250, "🪝", "Holds one coat. Never drops an event."),
    Product("fishing-rod", "Fishing Rod", 5075, "🎣", "For catching what others let go."),
    Product("anchor", "Desk Anchor", 3400, "⚓", "Keeps papers and principles in place."),
    Product("compass", "Pocket Compass", 2790, "🧭", "Points north, even behind a proxy."),
    Product("lantern", "Storm Lantern", 4150, "🏮", "Stays lit through every outage."),
    Product("teapot", "Teapot", 4180, "🫖", "Short, stout, and fond of status codes."),
    Product("mug", "Enamel Mug", 1490, "☕", "Idempotent: fill it twice, it is still one mug."),
    Product("parcel", "Mystery Parcel", 1999, "📦", "The contents are signed for."),
    Product("bell", "Counter Bell", 1825, "🔔", "Ring once. It retries by itself."),
    Product("padlock", "Padlock", 2250, "🔒", "Two keys, for easy rotation."),
    Product("pigeon", "Carrier Pigeon", 8900, "🕊️", "At-least-once delivery since antiquity."),
    Product("clock", "Station Clock", 6600, "🕰️", "Accurate to within five minutes."),
)

_BY_ID = {product.id: product for product in CATALOG}


def find_product(product_id: str) -> Product | None:
    """Return the product with this id, or None."""
    return _BY_ID.get(product_id)
