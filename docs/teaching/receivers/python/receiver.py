"""A webhook receiver that begins wrong: it believes everything. It needs nothing but Python.

The missions of the Build track correct it, step by step. Start it: python receiver.py
"""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "9000"))
TABLES = """
CREATE TABLE IF NOT EXISTS bookings (message_id, type, order_id, cents);
"""


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """Open the database. At the end, all changes are stored together, or none after an error."""
    with closing(sqlite3.connect("receiver.db", timeout=5)) as database, database:
        yield database


def book(message_id: str, event: dict) -> None:
    """Do the work: here, remember the money."""
    cents = round(event.get("value", 0) * 100)
    row = (message_id, event["type"], event.get("order_id"), cents)
    with transaction() as database:
        database.execute("INSERT INTO bookings VALUES (?, ?, ?, ?)", row)


def effects(message_id: str) -> dict:
    """Return what was done about a message. Missions and the exam ask this; it changes nothing."""
    sql = "SELECT count(*), sum(cents) FROM bookings WHERE message_id = ?"
    with transaction() as database:
        times, cents = database.execute(sql, [message_id]).fetchone()
    return {"times": times, "value": (cents or 0) / 100}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = json.loads(body)["event"]
        book(self.headers["webhook-id"], event)
        self.respond(204)

    def do_GET(self) -> None:  # GET /effects?message_id=msg_…
        query = parse_qs(urlsplit(self.path).query)
        self.respond(200, json.dumps(effects(query["message_id"][0])).encode())

    def respond(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


with transaction() as start:
    start.executescript(TABLES)
HTTPServer.request_queue_size = 100  # connections that wait; 5, the default, is too few
HTTPServer((HOST, PORT), Receiver).serve_forever()
