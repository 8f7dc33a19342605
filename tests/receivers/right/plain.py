"""A right receiver in Python, with the standard library alone. docs/receivers.md builds it."""

import base64
import hmac
import json
import os
import sqlite3
import time
import traceback
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from urllib.parse import parse_qs, urlsplit

SECRETS = os.environ.get("WEBHOOK_SECRET", "").split()  # two of them while you rotate
HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "9000"))
DATABASE = os.environ.get("DATABASE", "receiver.db")
MAX_BODY_BYTES = 1_000_000
MAX_BODY_SECONDS = 10
MAX_AGE_SECONDS = 300
MIN_KEY_BYTES = 24


class Rejected(Exception):
    """Ends a request with a status from 400 to 499."""

    def __init__(self, status: int) -> None:
        super().__init__(f"rejected with {status}")
        self.status = status


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    """Return the raw bytes of the body. It has a length, or it comes in chunks."""
    deadline = time.monotonic() + MAX_BODY_SECONDS
    try:
        if headers.get("Transfer-Encoding", "").lower() == "chunked":
            return read_chunks(stream, deadline)
        return read_exactly(stream, int(headers.get("Content-Length", "0")), deadline)
    except ValueError:  # a length that is not a number
        raise Rejected(400) from None


def read_chunks(stream: BufferedIOBase, deadline: float) -> bytes:
    body = b""
    while size := int(stream.readline(20).split(b";")[0], 16):
        body += read_exactly(stream, size, deadline, taken=len(body))
        stream.readline(2)  # the line end after each chunk
    return body


def read_exactly(stream: BufferedIOBase, length: int, deadline: float, taken: int = 0) -> bytes:
    if not 0 <= length <= MAX_BODY_BYTES - taken:
        raise Rejected(413)
    data = bytearray()
    while len(data) < length:
        part = stream.read1(length - len(data))
        if not part or time.monotonic() > deadline:
            raise Rejected(408)
        data += part
    return bytes(data)


def is_genuine(headers: Message, body: bytes) -> bool:
    """Return whether one of our secrets signed these bytes within the last five minutes."""
    message_id, timestamp = header(headers, "webhook-id"), header(headers, "webhook-timestamp")
    if not message_id or not is_recent(timestamp):
        return False
    content = f"{message_id}.{timestamp}.".encode() + signed_bytes(body)
    keys = [key_of(secret) for secret in SECRETS]
    return any(is_signature(each, content, key) for each in signatures(headers) for key in keys)


def header(headers: Message, name: str) -> str:
    """Return the header, whatever the case of its name, or an empty string."""
    return headers.get(name, "")


def is_recent(timestamp: str) -> bool:
    """Return whether these are unix seconds, and at most five minutes off: old or ahead."""
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        return False
    return abs(time.time() - int(timestamp)) <= MAX_AGE_SECONDS


def signatures(headers: Message) -> list[str]:
    return header(headers, "webhook-signature").split(" ")  # one for each live secret


def signed_bytes(body: bytes) -> bytes:
    return body  # as it came: JSON that was parsed and serialized again is other bytes


def is_signature(given: str, content: bytes, key: bytes) -> bool:
    expected = b"v1," + base64.b64encode(hmac.digest(key, content, "sha256"))
    return hmac.compare_digest(expected, given.encode())  # takes as long for any difference


def key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


def are_usable(secrets: list[str]) -> bool:
    """Return whether no key is missing or short. With an empty key, everybody could sign."""
    return bool(secrets) and all(len(key_of(each)) >= MIN_KEY_BYTES for each in secrets)


@dataclass(frozen=True)
class Event:
    type: str
    order_id: str
    cents: int


def parse_event(body: bytes) -> Event:
    """Return the event in a body. Verify the body first: until then, anyone may have written it."""
    try:
        event = json.loads(body.decode())["event"]
        cents = round(float(event.get("value", 0)) * 100)
        return Event(str(event["type"]), str(event.get("order_id", "")), cents)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise Rejected(400) from None


# The state of an order after each event. A later state is never replaced by an earlier one.
STATES = ("purchase.created", "purchase.shipped", "purchase.refunded")
TABLES = """
    CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS bookings (message_id TEXT, cents INTEGER);
    CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, state INTEGER);
"""


def handle_once(message_id: str, event: Event) -> None:
    """Do the work of this message, unless it is done. One transaction holds the id and the work."""
    with closing(connect()) as database, database:  # commits, or rolls back after an error
        insert = "INSERT OR IGNORE INTO messages VALUES (?)"
        if database.execute(insert, (message_id,)).rowcount:
            do_work(database, message_id, event)


def connect() -> sqlite3.Connection:
    return sqlite3.connect(DATABASE, timeout=5)


def do_work(database: sqlite3.Connection, message_id: str, event: Event) -> None:
    database.execute("INSERT INTO bookings VALUES (?, ?)", (message_id, event.cents))
    move_order(database, event.order_id, STATES.index(event.type))


def move_order(database: sqlite3.Connection, order_id: str, state: int) -> None:
    database.execute(
        "INSERT INTO orders VALUES (?, ?)"
        " ON CONFLICT (id) DO UPDATE SET state = max(state, excluded.state)",
        (order_id, state),
    )


def receive(headers: Message, stream: BufferedIOBase) -> int:
    """Return the status of the response to a webhook."""
    body = read_body(headers, stream)
    if not is_json(headers):
        return 415
    if not is_genuine(headers, body):
        return 401
    event = parse_event(body)
    if is_ours(event):
        handle_once(header(headers, "webhook-id"), event)
    return 204


def is_json(headers: Message) -> bool:
    return headers.get_content_type() == "application/json"  # without parameters such as charset


def is_ours(event: Event) -> bool:
    return event.type in STATES  # the others are acknowledged: new types may come at any time


class Handler(BaseHTTPRequestHandler):
    timeout = MAX_BODY_SECONDS  # of each wait for bytes

    def do_POST(self) -> None:
        try:
            status = receive(self.headers, self.rfile)
        except Rejected as rejected:
            status = rejected.status
        except Exception:  # noqa: BLE001 – our own failure, such as a full disk: the sender tries again
            traceback.print_exc()
            status = 500
        self.respond(status)

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        if path != "/probe":
            return self.respond(405)
        return self.respond(200, json.dumps(probe(query)).encode())

    def do_HEAD(self) -> None:
        self.respond(405)  # without this method, http.server responds with 501

    def respond(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)


def probe(query: dict[str, list[str]]) -> dict[str, object]:
    """Return what the exam asks about a message or an order. It changes nothing."""
    with closing(connect()) as database:
        if "order_id" in query:
            return {"state": state_of(database, query["order_id"][0])}
        sql = "SELECT count(*), sum(cents) FROM bookings WHERE message_id = ?"
        times, cents = database.execute(sql, query["message_id"]).fetchone()
    return {"times": times, "value": (cents or 0) / 100}


def state_of(database: sqlite3.Connection, order_id: str) -> str | None:
    row = database.execute("SELECT state FROM orders WHERE id = ?", (order_id,)).fetchone()
    return STATES[row[0]].removeprefix("purchase.") if row else None


class Server(ThreadingHTTPServer):
    request_queue_size = 100  # connections that wait; the default of 5 is too few for a burst


def create_tables() -> None:
    with closing(connect()) as database:
        database.executescript(TABLES)


def main() -> None:
    if not are_usable(SECRETS):
        raise SystemExit("set WEBHOOK_SECRET: whsec_ and at least 24 bytes in base64")
    create_tables()
    Server((HOST, PORT), Handler).serve_forever()


if __name__ == "__main__":
    main()
