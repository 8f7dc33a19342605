"""The receiver after mission 6: a webhook is valid for five minutes."""

import base64
import hmac
import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "9000"))
# The key is what follows whsec_, decoded. With an empty key, anybody could sign.
KEY = base64.b64decode(os.environ.get("WEBHOOK_SECRET", "").removeprefix("whsec_"))
if len(KEY) < 24:
    raise SystemExit("Set WEBHOOK_SECRET to the secret that the shop showed.")
TABLES = """
CREATE TABLE IF NOT EXISTS bookings (message_id, type, order_id, cents);
"""


def is_recent(timestamp: str) -> bool:
    """Return whether these are unix seconds, at most five minutes ago or ahead."""
    if not re.fullmatch("[0-9]{1,12}", timestamp):
        return False
    return abs(time.time() - int(timestamp)) <= 300


def is_genuine(headers: Message, body: bytes) -> bool:
    """Return whether our secret signed this webhook within the last five minutes."""
    if not is_recent(headers.get("webhook-timestamp", "")):
        return False
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256"))
    given = headers.get("webhook-signature", "").encode().split(b" ")
    # While the shop rotates its secret there are two signatures: one match is enough. Unlike ==,
    # compare_digest takes as long for any difference, so its time tells an attacker nothing.
    return any(hmac.compare_digest(expected, signature) for signature in given)


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
        body = self.read_body()  # the signature covers these bytes, and no others
        if not is_genuine(self.headers, body):
            return self.respond(401)
        book(self.headers["webhook-id"], json.loads(body)["event"])
        self.respond(204)

    def read_body(self) -> bytes:
        """Return the body. It has a length, or comes in chunks, which http.server does not join."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()  # the line end after each chunk
        self.rfile.readline()  # and after the last one
        return body

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
