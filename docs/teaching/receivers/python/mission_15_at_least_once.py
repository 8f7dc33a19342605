"""The receiver after mission 15: a crash at any moment loses nothing and books nothing twice."""

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
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "9000"))
# The key is what follows whsec_, decoded. With an empty key, anybody could sign.
KEY = base64.b64decode(os.environ.get("WEBHOOK_SECRET", "").removeprefix("whsec_"))
if len(KEY) < 24:
    raise SystemExit("Set WEBHOOK_SECRET to the secret that the shop showed.")
# Close with `echo 503 > closed`, open again with `rm closed`.
CLOSED = Path("closed")
RETRY_AFTER_SECONDS = 7
# An order moves forward in this list, and never back.
STATES = ["purchase.created", "purchase.shipped", "purchase.refunded"]
TABLES = """
CREATE TABLE IF NOT EXISTS messages (id PRIMARY KEY);
CREATE TABLE IF NOT EXISTS bookings (message_id, type, order_id, cents);
CREATE TABLE IF NOT EXISTS orders (id PRIMARY KEY, state);
CREATE TABLE IF NOT EXISTS mails_to_send (order_id);
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


def handle_once(message_id: str, event: dict) -> None:
    """Store the id, the booking and the mail to send, in one transaction: all of it, or nothing."""
    with transaction() as database:
        if is_new(database, message_id):
            book(database, message_id, event)
            database.execute("INSERT INTO mails_to_send VALUES (?)", [event.get("order_id")])


def is_new(database: sqlite3.Connection, message_id: str) -> bool:
    """Store the id, and return whether it was not there. The unique column lets one copy win."""
    insert = "INSERT OR IGNORE INTO messages VALUES (?)"
    return database.execute(insert, [message_id]).rowcount == 1


def send_mails() -> None:
    """Send the stored mails, also those from before a crash. One may go out twice; none is lost."""
    while True:
        with transaction() as database:
            mail = database.execute("SELECT rowid, order_id FROM mails_to_send").fetchone()
        if mail is None:
            time.sleep(0.2)
            continue
        send_mail(mail[1])
        with transaction() as database:
            database.execute("DELETE FROM mails_to_send WHERE rowid = ?", [mail[0]])


def send_mail(order_id: str | None) -> None:
    """Play a mail server, which takes half a second."""
    time.sleep(0.5)
    print(f"Mail sent for order {order_id}", flush=True)


def book(database: sqlite3.Connection, message_id: str, event: dict) -> None:
    """Remember the money."""
    cents = round(event.get("value", 0) * 100)
    row = (message_id, event["type"], event.get("order_id"), cents)
    database.execute("INSERT INTO bookings VALUES (?, ?, ?, ?)", row)
    if event["type"] in STATES:
        move_order(database, event["order_id"], STATES.index(event["type"]))


def move_order(database: sqlite3.Connection, order_id: str, state: int) -> None:
    """Store the state of an order, unless a later one is stored already."""
    sql = """INSERT INTO orders VALUES (?, ?)
             ON CONFLICT (id) DO UPDATE SET state = max(state, excluded.state)"""
    database.execute(sql, [order_id, state])


def state_of(order_id: str) -> dict:
    """Return the state of an order, for the exam: created, shipped or refunded."""
    with transaction() as database:
        row = database.execute("SELECT state FROM orders WHERE id = ?", [order_id]).fetchone()
    return {"state": STATES[row[0]].removeprefix("purchase.") if row else None}


def effects(message_id: str) -> dict:
    """Return what was done about a message. Missions and the exam ask this; it changes nothing."""
    sql = "SELECT count(*), sum(cents) FROM bookings WHERE message_id = ?"
    with transaction() as database:
        times, cents = database.execute(sql, [message_id]).fetchone()
    return {"times": times, "value": (cents or 0) / 100}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.read_body()  # the signature covers these bytes, and no others
        if CLOSED.exists():
            return self.respond(int(CLOSED.read_text()), retry_after=RETRY_AFTER_SECONDS)
        if not is_genuine(self.headers, body):
            return self.respond(401)
        message_id, event = self.headers["webhook-id"], json.loads(body)["event"]
        handle_once(message_id, event)  # committed before we answer
        self.respond(204)  # for a copy, too: after an error, the shop would send it again

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

    def do_GET(self) -> None:  # GET /effects?message_id=msg_… or ?order_id=ord_…
        query = parse_qs(urlsplit(self.path).query)
        if "order_id" in query:
            answer = state_of(query["order_id"][0])
        else:
            answer = effects(query["message_id"][0])
        self.respond(200, json.dumps(answer).encode())

    def respond(self, status: int, body: bytes = b"", retry_after: int = 0) -> None:
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(body)


with transaction() as start:
    start.executescript(TABLES)
Thread(target=send_mails, daemon=True).start()
HTTPServer.request_queue_size = 100  # connections that wait; 5, the default, is too few
HTTPServer((HOST, PORT), Receiver).serve_forever()
