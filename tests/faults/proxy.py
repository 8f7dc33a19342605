"""Proxies between the programs of a test, which count requests and can hold them."""

import contextlib
import http.client
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Hook = Callable[[], None]


def no_op() -> None:
    """A hook that does nothing."""


@dataclass(slots=True)
class Proxy:
    """The HTTP proxy between worker and subscriber, which counts requests by webhook-id.

    The hooks are called in this order: when a request has been sent to the subscriber, when its
    response has arrived, and when the worker has read the response. A hook that raises
    ``ConnectionError`` cuts the connection.
    """

    url: str
    to: str = ""  # host and port of the subscriber
    seen: Counter[str] = field(default_factory=Counter)
    waiting: int = 0  # requests that are being held
    busy: int = 0  # open requests, including held ones
    on_handed_over: Hook = no_op
    on_answer: Hook = no_op
    on_answer_read: Hook = no_op
    _to_hold: int = 0
    _opened: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def requests(self) -> int:
        """Return the number of requests, including repeated ones."""
        return sum(self.seen.values())

    def hold(self, count: int) -> None:
        """Hold the next requests until ``release``; later ones pass."""
        self._opened.clear()
        self._to_hold = count

    def release(self) -> None:
        """Let all requests pass."""
        self._to_hold = 0
        self._opened.set()

    def reset(self) -> None:
        """Reset the counts and hooks."""
        self.release()
        self.seen.clear()
        self.on_handed_over = self.on_answer = self.on_answer_read = no_op

    @contextmanager
    def passing(self, webhook_id: str) -> Iterator[None]:
        """Count a request, and hold it if requested. Runs in the thread of each connection."""
        with self._lock:
            self.busy += 1
        try:
            self._note(webhook_id)
            yield
        finally:
            with self._lock:
                self.busy -= 1

    def _note(self, webhook_id: str) -> None:
        with self._lock:
            held = self._to_hold > 0
            self._to_hold -= held
            self.waiting += held
            self.seen[webhook_id] += 1
        if held:
            self._opened.wait()
            with self._lock:
                self.waiting -= 1


@contextmanager
def running_proxy() -> Iterator[Proxy]:
    """Listen on a free port until the block ends."""
    server = _LineServer(("127.0.0.1", 0), _LineHandler)
    server.proxy = Proxy(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.proxy
    finally:
        server.proxy.release()
        server.shutdown()
        thread.join()
        server.server_close()


class _LineServer(ThreadingHTTPServer):
    proxy: Proxy
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore connections whose other end was killed by the test."""


class _LineHandler(BaseHTTPRequestHandler):
    server: _LineServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = True
        with proxy.passing(self.headers["webhook-id"]):
            self._pass_on(proxy, body)

    def _pass_on(self, proxy: Proxy, body: bytes) -> None:
        upstream = http.client.HTTPConnection(proxy.to)
        with contextlib.closing(upstream):
            upstream.request("POST", self.path, body, dict(self.headers.items()))
            proxy.on_handed_over()
            answer = upstream.getresponse()
            content = answer.read()
        proxy.on_answer()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        if proxy.on_answer_read is not no_op:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        if proxy.on_answer_read is not no_op:
            self.rfile.read(1)  # end of the connection: the worker has read the response
            proxy.on_answer_read()
        else:
            self.close_connection = False

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 – the base class's name
        """Log nothing."""


@contextmanager
def gate_to_redis(unix_socket: Path, on_wake_up: Hook) -> Iterator[str]:
    """Yield a Redis URL that proxies to this server; call ``on_wake_up`` before each wake-up."""
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=_accept, args=(listening, unix_socket, on_wake_up))
    thread.start()
    try:
        yield f"redis://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def _accept(listening: socket.socket, unix_socket: Path, on_wake_up: Hook) -> None:
    while True:
        try:
            near, _ = listening.accept()
        except OSError:
            return
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(unix_socket))
        for source, target, hook in ((near, far, on_wake_up), (far, near, no_op)):
            threading.Thread(target=_pass_on, args=(source, target, hook), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, on_wake_up: Hook) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            if b"arq:job:" in chunk:
                on_wake_up()
            target.sendall(chunk)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
