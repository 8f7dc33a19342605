"""A receiver on raw sockets, in a thread, so that a test controls each byte."""

import queue
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Peer:
    """One connection at the receiver. ``number``: from 1, in the order of arrival."""

    number: int
    _socket: socket.socket
    _unread: bytes = b""

    def read_request(self) -> bytes:
        """Return head and body of the next request; raise ``ConnectionError`` if there is none."""
        while b"\r\n\r\n" not in self._unread:
            self._read_on()
        head, _, rest = self._unread.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(rest) < length:
            self._read_on()
            rest = self._unread.partition(b"\r\n\r\n")[2]
        self._unread = rest[length:]
        return head + b"\r\n\r\n" + rest[:length]

    def write(self, data: bytes) -> None:
        """Send bytes. On the loopback interface, the peer has them when this returns."""
        self._socket.sendall(data)

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def reset(self) -> None:
        """Reset the connection (RST)."""
        linger = struct.pack("ii", 1, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._socket.close()

    def _read_on(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionError
        self._unread += data


Behave = Callable[[Peer], None]


@dataclass(slots=True)
class RawReceiver:
    """``requests``: connection number and bytes of each complete request."""

    url: str
    requests: list[tuple[int, bytes]] = field(default_factory=list)
    peers: "queue.Queue[Peer]" = field(default_factory=queue.Queue)

    def request_lines(self) -> list[str]:
        """Return the first line of each request."""
        return [request.partition(b"\r\n")[0].decode() for _, request in self.requests]


@contextmanager
def running_raw_receiver(
    respond: Callable[[int, Peer], None] = lambda _number, peer: peer.write(OK),
    *,
    wrap: Callable[[socket.socket], socket.socket] = lambda plain: plain,
) -> Iterator[RawReceiver]:
    """Call ``respond`` with the number (from 1) of each request and its connection.

    ``wrap``: wraps each connection, for example in TLS.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    receiver = RawReceiver(f"http://127.0.0.1:{listener.getsockname()[1]}")
    open_sockets: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(peer: Peer) -> None:
        with suppress(OSError):
            while True:
                receiver.requests.append((peer.number, peer.read_request()))
                respond(len(receiver.requests), peer)

    def accept() -> None:
        while True:
            try:
                plain, _address = listener.accept()
            except OSError:
                return
            # Otherwise the system delays a small packet until the previous one is acknowledged.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                connection = wrap(plain)
            except OSError:
                plain.close()
                continue
            open_sockets.append(connection)
            peer = Peer(len(open_sockets), connection)
            receiver.peers.put(peer)
            threads.append(threading.Thread(target=serve, args=(peer,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield receiver
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for each in open_sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in threads:
            thread.join()
