"""The names of the counters in the database.

Triggers maintain the counters in the transaction that adds or deletes a row, so a total costs the
same for any number of receipts, and no code path can miss an update. The triggers are in
``migrations``. The number of receipts with a verdict has the verdict as its name.
"""

import logging
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, text

PURCHASES, REVENUE_CENTS = "purchases", "revenue_cents"
COUNTED_CENTS = "counted_cents"  # the part of the revenue that is counted, see ``counting``
REASON = "reason:"  # prefix of the number of receipts rejected for this reason

logger = logging.getLogger(__name__)
_ALL = "SELECT name, amount FROM tally"


def read_counters(connection: Connection) -> dict[str, int]:
    """Return all counters of a database, by name."""
    return {row.name: row.amount for row in connection.execute(text(_ALL))}


def read_closed_counters(file: Path) -> dict[str, int]:
    """Return the same from a database file that is not open; none if it does not exist."""
    if not file.exists():
        return {}
    connection = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)
    try:
        return dict(connection.execute(_ALL).fetchall())
    except sqlite3.Error as error:
        logger.warning("%s is not counted in the metrics: %s", file, error)
        return {}
    finally:
        connection.close()
