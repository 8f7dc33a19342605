"""The migrations of the subscriber's tables.

To add one: change ``models``, write the next module in ``versions``, and set ``NEWEST``. Never
change a released migration: databases exist that have run it.
"""

from pathlib import Path

from hookshop.locations import START_OVER
from hookshop.webkit.migrations import Migrations

NEWEST = "r0010"
# Versions that stored secrets as plain text.
PLAIN_TEXT_VERSIONS = frozenset({"r0001", "r0002", "r0003", "r0004", "r0005"})

MIGRATIONS = Migrations(
    versions=Path(__file__).parent / "versions",
    newest=NEWEST,
    early_table="receipt",
    start_over=START_OVER,
)
