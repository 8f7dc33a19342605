"""The steps that bring the shop's tables to the state that this version works with.

A new step: change ``models`` or ``tallies``, write the next module in ``versions``, and set
``NEWEST``. Released steps are never changed: databases exist that took them.
"""

from pathlib import Path

from hookshop.webkit.migrations import Migrations

NEWEST = "r0007"

MIGRATIONS = Migrations(
    versions=Path(__file__).parent / "versions",
    newest=NEWEST,
    early_table="shop_order",
    start_over="make reset, or with an empty PostgreSQL database",
)
