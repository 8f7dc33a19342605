"""An HTTP server that receives webhooks: records, verifies and answers each, or fails on purpose.

It is Python's ``http.server`` with a thread for each connection, made for tests and lessons on one
machine.
"""

import io
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hookshop.testing.fault_script import Fault, Kind
from hookshop.testing.naive import NaiveReceiver, parse_change
from hookshop.testing.verification import Expected, Headers, Verification, parse_event, verify

MAX_BODY_BYTES = 256 * 1024
IDLE_SECONDS = 30.0  # after which a connection without a request is closed
MAX_HOLD_SECONDS = 60.0  # how long a connection stays open without a response
HOLD_CHECK_SECONDS = 0.1
STOP_SECONDS = 2.0  # for answers in progress
# SO_LINGER with a timeout of 0: the kernel sends a reset (RST) instead of closing (FIN).
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Subscription:
    """What the response to the registration says, which genuine webhooks must match."""

    endpoint_id: str
    secrets: tuple[str, ...]
    url: str
    issuer: str | None


@dataclass(frozen=True, slots=True)
class ReceivedWebhook:
    """One request, genuine or not.

    ``headers``: names in lower case, in order. ``body``: the raw bytes. ``raw``: the whole request
    as it came. ``received_at``: unix seconds. ``fault``: the script word that was due; None for the
    normal response. ``verification``: None if a fault came first. ``status``: of the response; None
    if none was sent. ``booked``: how often a naive receiver has booked the message by now; None if
    it did not accept it, and of other receivers.
    """

    path: str
    headers: Headers
    body: bytes
    raw: bytes
    received_at: float
    fault: str | None
    verification: Verification | None
    status: int | None
    booked: int | None = None

    def header(self, name: str) -> str | None:
        """Return the value of the first header with this name in lower case, or None."""
        return next((value for other, value in self.headers if other == name), None)

    @property
    def message_id(self) -> str | None:
        """Return the ``webhook-id``: the same for every attempt to deliver one message."""
        return self.header("webhook-id")

    @property
    def event(self) -> dict[str, Any] | None:
        """Return the event of the body, verified or not; None if the body has none."""
        return parse_event(self.body)


class WebhookServer:
    """Receives webhooks from ``start`` to ``stop``.

    ``on_webhook``: gets each request before it is answered, in the thread of its connection.
    ``subscription``: set it after registering; until then nothing is genuine.
    """

    def __init__(
        self,
        on_webhook: Callable[[ReceivedWebhook], None],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        faults: Iterable[Fault | None] = (),
        naive: NaiveReceiver | None = None,
    ) -> None:
        """Listen at once. Raise ``OSError`` if that is impossible. ``port``: 0 for any free one.

        ``naive``: decides instead of the verification, and is asked at /effects and /defenses.
        """
        self.subscription: Subscription | None = None
        self.on_webhook = on_webhook
        self.naive = naive
        self.stopping = threading.Event()
        self._faults = deque(faults)
        self._lock = threading.Lock()
        self._in_progress = 0
        self._has_answered = threading.Condition()
        self._http = (_HTTPServer6 if ":" in host else _HTTPServer)((host, port), _Handler)
        self._http.webhooks = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """Return the port on which the server listens."""
        return int(self._http.server_address[1])

    def start(self) -> None:
        """Serve in threads of the background."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, end requests that are being held, and answer those in progress."""
        self.stopping.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        with self._has_answered:
            self._has_answered.wait_for(lambda: not self._in_progress, STOP_SECONDS)

    def fail_next(self, faults: Iterable[Fault | None]) -> None:
        """Add faults: each of the next requests gets one. None stands for a normal response."""
        with self._lock:
            self._faults.extend(faults)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Have ``stop`` wait for this request."""
        with self._has_answered:
            self._in_progress += 1
        try:
            yield
        finally:
            with self._has_answered:
                self._in_progress -= 1
                self._has_answered.notify_all()

    def next_fault(self) -> Fault | None:
        """Take the fault of the request that has just come."""
        with self._lock:
            return self._faults.popleft() if self._faults else None

    def verify(self, headers: Headers, body: bytes, now: float) -> Verification:
        """Verify a request by the current subscription."""
        known = self.subscription or Subscription("", (), "", None)
        expected = Expected(known.secrets, known.url, known.issuer, now)
        return (self.naive.verify if self.naive else verify)(headers, body, expected)

    def book(self, headers: Headers, body: bytes, verification: Verification | None) -> int | None:
        """Have a naive receiver do the work of a webhook that it accepts."""
        if self.naive is None or verification is None or not verification.is_genuine:
            return None
        return self.naive.book(dict(headers).get("webhook-id", ""), body)


class _HTTPServer(ThreadingHTTPServer):
    webhooks: WebhookServer
    request_queue_size = 1024  # connections that wait to be accepted: a burst of deliveries

    def server_bind(self) -> None:
        # Not that of HTTPServer, which looks up the name of this machine; that can take seconds.
        TCPServer.server_bind(self)
        host, port, *_ = self.server_address
        self.server_name, self.server_port = str(host), int(port)

    def shutdown_request(self, request: Any) -> None:
        # The base class would send a FIN first, which is not what a crashed process does.
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a sender that has gone is normal here."""


class _HTTPServer6(_HTTPServer):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    server: _HTTPServer
    protocol_version = "HTTP/1.1"
    server_version = "Hookshop"
    sys_version = ""
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        super().setup()
        self.recorded = _Recorder(self.rfile)
        self.rfile = self.recorded

    def do_POST(self) -> None:
        with self.server.webhooks.answering():
            body = self._read_body()
            if body is not None:
                self._receive(body)

    def do_GET(self) -> None:
        naive, query = self.server.webhooks.naive, parse_qs(urlsplit(self.path).query)
        path = urlsplit(self.path).path
        if naive is None:
            self.send_error(501, "Unsupported method ('GET')")
        elif path == "/defenses":
            self._respond_json(naive.defenses())
        elif path == "/effects" and "order_id" in query:
            self._respond_json(naive.state_of(query["order_id"][0]))
        elif path == "/effects" and "message_id" in query:
            self._respond_json(naive.effects(query["message_id"][0]))
        else:
            self._respond(404)

    def do_PATCH(self) -> None:
        naive = self.server.webhooks.naive
        if naive is None or urlsplit(self.path).path != "/defenses":
            self.send_error(501, "Unsupported method ('PATCH')")
            return
        body = self._read_body()
        if body is None:
            return
        try:
            naive.change(parse_change(json.loads(body)))
        except (ValueError, RecursionError) as error:
            self._respond_json({"detail": str(error)}, status=422)
        else:
            self._respond_json(naive.defenses())

    def _receive(self, body: bytes) -> None:
        webhooks, now = self.server.webhooks, time.time()
        fault = webhooks.next_fault()
        headers = [(name.lower(), value) for name, value in self.headers.raw_items()]
        verification = None
        if fault is None or fault.verifies:
            verification = webhooks.verify(headers, body, now)
        status = _status(fault, verification)
        webhooks.on_webhook(
            ReceivedWebhook(
                *(self.path, headers, body, self.recorded.take(), now),
                fault=fault.word if fault else None,
                verification=verification,
                status=status,
                booked=webhooks.book(headers, body, verification),
            )
        )
        self._answer(fault, status)

    def _read_body(self) -> bytes | None:
        """Return the body, or None after a response that says why it was not read."""
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdecimal()):
            self._respond(411)
            return None
        if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
            self._respond(413)
            return None
        body = self.rfile.read(int(length))
        return body if len(body) == int(length) else None

    def _answer(self, fault: Fault | None, status: int | None) -> None:
        if fault and fault.kind is Kind.SLOW:
            self._hold(fault.seconds or 0)
        if fault and fault.kind is Kind.TIMEOUT:
            self._hold(MAX_HOLD_SECONDS)
        if status is None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.close_connection = True
        else:
            self._respond(status, retry_after=fault.retry_after if fault else None)

    def _hold(self, seconds: float) -> None:
        """Wait, but not after the sender has gone or the server is stopping."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._sender_has_gone():
            if self.server.webhooks.stopping.wait(HOLD_CHECK_SECONDS):
                return

    def _sender_has_gone(self) -> bool:
        self.connection.settimeout(0)
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True
        finally:
            with suppress(OSError):
                self.connection.settimeout(self.timeout)

    def _respond(self, status: int, *, retry_after: int | None = None) -> None:
        is_success = status < 300  # noqa: PLR2004 – RFC 9110, section 15.3
        self.close_connection = self.close_connection or not is_success
        self.send_response(status)
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        if 300 <= status < 400:  # noqa: PLR2004 – RFC 9110, section 15.4
            self.send_header("Location", "/")
        if self.close_connection:
            self.send_header("Connection", "close")
        if status != 204:  # noqa: PLR2004 – RFC 9110, section 8.6
            self.send_header("Content-Length", "0")
        self.end_headers()

    def _respond_json(self, document: object, *, status: int = 200) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 – as in the base class
        """Say nothing: ``on_webhook`` has everything."""


class _Recorder(io.BufferedIOBase):
    """Keeps the bytes of a request while http.server reads them."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._read = b""

    def readline(self, limit: int | None = -1, /) -> bytes:
        line: bytes = self._stream.readline(limit)
        self._read += line
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        data: bytes = self._stream.read(size)
        self._read += data
        return data

    def take(self) -> bytes:
        """Return the bytes of the request, and forget them."""
        taken, self._read = self._read, b""
        return taken

    def close(self) -> None:
        self._stream.close()
        super().close()


def _status(fault: Fault | None, verification: Verification | None) -> int | None:
    """Return the status of the response; None for no response."""
    if fault and fault.kind in {Kind.TIMEOUT, Kind.DROP}:
        return None
    if fault and fault.kind is Kind.STATUS:
        return fault.status
    if verification is None or not verification.is_genuine:
        return 401
    return 500 if fault and fault.kind is Kind.ACCEPT_THEN_500 else 204
