"""The migrations of the shop's tables.

To add one, change ``models`` or ``counters``, write the next module in ``versions``, and set
``NEWEST``. Never change a released migration: databases exist on which it has run.
"""

from pathlib import Path

from hookshop.locations import START_OVER
from hookshop.webkit.migrations import Migrations

NEWEST = "r0016"

MIGRATIONS = Migrations(
    versions=Path(__file__).parent / "versions",
    newest=NEWEST,
    early_table="shop_order",
    start_over=f"{START_OVER}, or with an empty PostgreSQL database",
)
