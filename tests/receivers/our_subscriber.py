"""Our own subscriber as a receiver to examine: it registers itself with the exam.

With an argument, such as ``message_id=msg_1``, this is its probe command.
"""

import json
import os
import sqlite3
import sys
from pathlib import Path

DATABASE = Path(os.environ["DATABASE"])
# The columns of an order, from its last state to its first.
STATES = {"refunded_at": "refunded", "shipped_at": "shipped", "bought_at": "created"}


def serve() -> None:
    settings = {
        "SUBSCRIBER_PORT": os.environ["PORT"],
        "SUBSCRIBER_SHOP_URL": os.environ["HOOKSHOP_EXAM_URL"],
        "SUBSCRIBER_AUTO_REGISTER": "true",
        "SUBSCRIBER_DATABASE_URL": f"sqlite+aiosqlite:///{DATABASE}",
        "HOOKSHOP_VAR": str(DATABASE.parent / "var"),
    }
    command = [sys.executable, "-m", "subscriber_app"]
    os.execve(sys.executable, command, os.environ | settings)


def probe(key: str, value: str) -> dict[str, object]:
    database = sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    if key == "order_id":
        query = "SELECT * FROM purchase_state WHERE order_id = ?"
        order = database.execute(query, (value,)).fetchone()
        states = [state for column, state in STATES.items() if order and order[column]]
        return {"state": states[0] if states else None}
    query = "SELECT count(*), sum(value_cents) FROM purchase WHERE message_id = ?"
    times, cents = database.execute(query, (value,)).fetchone()
    return {"times": times, "value": (cents or 0) / 100}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(probe(*sys.argv[1].split("="))))
    else:
        serve()
