"""The receiver after mission 17: nothing that comes makes it crash. It passes the exam."""

import base64
import hmac
import json
import os
import re
import sqlite3
import time
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
MAX_BODY_BYTES = 1_000_000
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


def parse_event(body: bytes) -> dict | None:
    """Return the event of a genuine body. None: it is no event, and sending it again is no use."""
    try:
        event = json.loads(body.decode())["event"]
        is_event = isinstance(event["type"], str) and isinstance(event.get("value", 0), int | float)
        return event if is_event else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


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


class TooLarge(Exception):
    """The body has more than MAX_BODY_BYTES."""


class Receiver(BaseHTTPRequestHandler):
    timeout = 10  # seconds without a byte, then the connection is closed

    def do_POST(self) -> None:
        try:
            status = self.receive()
        except TooLarge:
            status = 413
        except (ValueError, TypeError, ConnectionError, TimeoutError):  # no body with a length
            status = 400
        except Exception:  # our own failure, such as a full disk: the shop tries again
            traceback.print_exc()
            status = 500
        self.respond(status, retry_after=RETRY_AFTER_SECONDS if CLOSED.exists() else 0)

    def receive(self) -> int:
        """Return the status of the response."""
        body = self.read_body()  # the signature covers these bytes, and no others
        if CLOSED.exists():
            return int(CLOSED.read_text())
        if self.headers.get_content_type() != "application/json":  # without charset=utf-8
            return 415
        if not is_genuine(self.headers, body):
            return 401
        event = parse_event(body)
        if event is None:
            return 400
        if event["type"] in STATES:  # acknowledge the others: new types may come at any time
            handle_once(self.headers["webhook-id"], event)  # committed before we answer
        return 204  # for a copy, too: after an error, the shop would send it again

    def read_body(self) -> bytes:
        """Return the body. It has a length, or comes in chunks, which http.server does not join."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.read_exactly(int(self.headers["Content-Length"]))
        body = b""
        while size := int(self.rfile.readline(20), 16):
            body += self.read_exactly(size, taken=len(body))
            self.rfile.readline(2)  # the line end after each chunk
        self.rfile.readline(2)  # and after the last one
        return body

    def read_exactly(self, length: int, taken: int = 0) -> bytes:
        if not 0 <= length <= MAX_BODY_BYTES - taken:
            raise TooLarge
        return self.rfile.read(length)

    def do_GET(self) -> None:  # GET /effects?message_id=msg_… or ?order_id=ord_…
        query = parse_qs(urlsplit(self.path).query)
        if "order_id" in query:
            answer = state_of(query["order_id"][0])
        elif "message_id" in query:
            answer = effects(query["message_id"][0])
        else:
            return self.respond(405)
        self.respond(200, json.dumps(answer).encode())

    def do_HEAD(self) -> None:
        self.respond(405)  # without this method, http.server answers 501

    def respond(self, status: int, body: bytes = b"", retry_after: int = 0) -> None:
        self.send_response(status)
        if retry_after:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(body)


with transaction() as start:
    start.executescript(TABLES)
Thread(target=send_mails, daemon=True).start()
ThreadingHTTPServer.request_queue_size = 100  # connections that wait; 5, the default, is too few
ThreadingHTTPServer((HOST, PORT), Receiver).serve_forever()  # a thread for each connection
