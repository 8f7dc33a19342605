"""The HTTP client of the benchmarks, with a real server."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from benchmarks.load import ORDER, post_all


@contextmanager
def server_that_answers(*statuses: int) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the URL and the received bodies. The last status is for all further requests."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(statuses[min(len(bodies), len(statuses)) - 1])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", bodies
        server.shutdown()


def test_each_request_is_made_once_where_all_are_accepted() -> None:
    with server_that_answers(201) as (url, bodies):
        load = post_all(url, [ORDER] * 20, concurrency=4)

    assert bodies == [ORDER.body] * 20
    assert load.retries == 0
    assert load.seconds > 0


def test_a_request_to_a_busy_server_is_retried_and_counted() -> None:
    with server_that_answers(503, 500, 201) as (url, bodies):
        load = post_all(url, [ORDER], concurrency=1)

    assert len(bodies) == 3
    assert load.retries == 2


def test_a_4xx_ends_the_measurement() -> None:
    with (
        server_that_answers(422) as (url, bodies),
        pytest.raises(RuntimeError, match="answered with 422"),
    ):
        post_all(url, [ORDER], concurrency=1)

    assert len(bodies) == 1
