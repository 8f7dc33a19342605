"""A right receiver in a thread, whose parts a test replaces to make it wrong."""

import base64
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MAX_BODY_BYTES = 1_000_000
TYPES = ("purchase.created", "purchase.shipped", "purchase.refunded")


@dataclass(slots=True)
class SmallReceiver:
    """``seen``: the values by message id. ``status``: if set, of each response to a POST.

    ``on_effect``: is called with the message id for each effect. ``probe``: answers instead of the
    own numbers, if set.
    """

    url: str = ""
    seen: dict[str, list[float]] = field(default_factory=dict)
    orders: dict[str, int] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=lambda: [SECRET])
    verifies: bool = True
    deduplicates: bool = True
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    on_effect: Callable[[str], None] = lambda _message_id: None
    probe: bytes | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def probe_url(self) -> str:
        return self.url.replace("/hook", "/probe")

    def receive(self, headers: dict[str, str], body: bytes) -> int:
        if self.status is not None:
            return self.status
        if self.verifies and not self._is_genuine(headers, body):
            return 401
        try:
            event = json.loads(body.decode())["event"]
            kind, value = event["type"], float(event.get("value", 0))
        except (ValueError, KeyError, TypeError):
            return 400
        if kind in TYPES:
            self._handle(headers["webhook-id"], event, kind, value)
        return 204

    def _handle(self, message_id: str, event: dict[str, str], kind: str, value: float) -> None:
        with self.lock:
            if self.deduplicates and message_id in self.seen:
                return
            self.seen.setdefault(message_id, []).append(value)
            order_id = event["order_id"]
            self.orders[order_id] = max(self.orders.get(order_id, 0), TYPES.index(kind))
        self.on_effect(message_id)

    def _is_genuine(self, headers: dict[str, str], body: bytes) -> bool:
        timestamp = headers.get("webhook-timestamp", "")
        if not timestamp.isdecimal() or abs(time.time() - int(timestamp)) > 300:
            return False
        signed = f"{headers.get('webhook-id', '')}.{timestamp}.".encode() + body
        given = headers.get("webhook-signature", "").split(" ")
        return any(
            hmac.compare_digest(f"v1,{base64.b64encode(digest).decode()}", each)
            for digest in (hmac.digest(key_of(s), signed, "sha256") for s in self.secrets)
            for each in given
        )

    def answer_probe(self, query: dict[str, list[str]]) -> bytes:
        if self.probe is not None:
            return self.probe
        if "order_id" in query:
            state = self.orders.get(query["order_id"][0])
            names = ("created", "shipped", "refunded")
            return json.dumps({"state": None if state is None else names[state]}).encode()
        values = self.seen.get(query["message_id"][0], [])
        return json.dumps({"times": len(values), "value": sum(values)}).encode()


def key_of(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_"))


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        receiver: SmallReceiver = self.server.receiver  # type: ignore[attr-defined]
        body = self._chunks() if self.headers.get("Transfer-Encoding") else self._body()
        if body is None:
            self._respond(413)
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._respond(receiver.receive(headers, body), extra=receiver.headers)

    def do_GET(self) -> None:
        receiver: SmallReceiver = self.server.receiver  # type: ignore[attr-defined]
        url = urlsplit(self.path)
        if url.path == "/probe":
            self._respond(200, receiver.answer_probe(parse_qs(url.query)))
        else:
            self._respond(405)

    do_HEAD = do_GET  # noqa: N815 – the base class calls it

    def _body(self) -> bytes | None:
        length = int(self.headers.get("Content-Length", "0"))
        if length > MAX_BODY_BYTES:
            return None
        return self.rfile.read(length)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def _respond(self, status: int, body: bytes = b"", extra: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the base class's name
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 100
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that break off: the exam breaks them on purpose."""


@contextmanager
def running_small_receiver() -> Iterator[SmallReceiver]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    server = _Server(("127.0.0.1", 0), _Handler)
    receiver = SmallReceiver(url=f"http://127.0.0.1:{server.server_port}/hook")
    server.receiver = receiver  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
