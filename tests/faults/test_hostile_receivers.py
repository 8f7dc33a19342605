"""Hostile responses to a real worker, which records them and continues."""

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.faults.conftest import Report
from tests.faults.memory import watching_memory
from tests.faults.world import World
from tests.receiver import running_receiver
from tests.waiting import wait_for

pytestmark = pytest.mark.one_database("is about the answers of receivers")

# One attempt during the tests, the next one after them.
SETTINGS = {"SHOP_RETRY_SCHEDULE": "0,100", "SHOP_REQUEST_TIMEOUT_SECONDS": "2"}
ALLOWED_MIB = 10
CHUNK = b"0" * 65536
OK = b"HTTP/1.1 200 OK\r\n"

Pieces = Callable[[], Iterator[bytes]]


def a_gigabyte() -> Iterator[bytes]:
    yield OK + b"Content-Length: 1073741824\r\n\r\n"
    for _ in range(16384):
        yield CHUNK


def a_gzip_bomb() -> Iterator[bytes]:
    bomb = gzip.compress(bytes(200_000_000))
    yield OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb


def two_megabytes_of_headers() -> Iterator[bytes]:
    yield OK
    for number in range(20_000):
        yield b"X-%d: %s\r\n" % (number, b"x" * 100)


def one_header_without_an_end() -> Iterator[bytes]:
    yield OK + b"X-Endless: "
    while True:
        yield CHUNK


def interim_answers_without_an_end() -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "state", "result"),
    [
        (a_gigabyte, "succeeded", (200, None, 1)),
        (a_gzip_bomb, "succeeded", (200, None, 1)),
        (two_megabytes_of_headers, "pending", (None, "protocol_error", 0)),
        (one_header_without_an_end, "pending", (None, "protocol_error", 0)),
        (interim_answers_without_an_end, "pending", (None, "response_timeout", 0)),
    ],
    ids=[
        "a gigabyte",
        "a gzip bomb",
        "2 MB of headers",
        "a header without an end",
        "endless interim answers",
    ],
)
def test_an_answer_of(
    pieces: Pieces, state: str, result: tuple[Any, ...], world: World, report: Report
) -> None:
    world.order_many(20)  # so that the worker has loaded everything that it usually needs
    world.books.wait_until_delivered()
    with answering(pieces) as url, watching_memory(world.process("worker")) as growth:
        endpoint_id = world.register(url)
        world.order()
        attempt = wait_for(lambda: attempt_at(world, endpoint_id), "the attempt is recorded")
        mebibytes = growth()

    world.order()
    world.books.wait_until_delivered()
    assert attempt == (state, *result)
    assert mebibytes < ALLOWED_MIB
    report(f"the worker's memory grew by {mebibytes:.1f} MiB at most")


def attempt_at(world: World, endpoint_id: str) -> tuple[Any, ...] | None:
    found = world.books.of_shop(
        "SELECT state, response_status, error, response_truncated"
        " FROM attempt JOIN delivery ON delivery.id = delivery_id WHERE attempt.endpoint_id = ?",
        endpoint_id,
    )
    return found[0] if found else None


@contextmanager
def answering(pieces: Pieces) -> Iterator[str]:
    """Run a server that sends these pieces on each connection, until it is closed."""
    made = list(pieces()) if pieces is a_gzip_bomb else None
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                with connection, suppress(OSError):
                    connection.recv(65536)
                    for piece in made or pieces():
                        connection.sendall(piece)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        listening.close()


def in_half_an_hour() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(minutes=30), usegmt=True)


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (503, "600", range(600, 610)),
        (429, "600", range(600, 610)),
        (503, in_half_an_hour, range(1780, 1801)),
        (503, str(10**9), range(3600, 3610)),
        (503, "7", range(79, 130)),  # shorter than in the schedule
        (503, "soon", range(79, 130)),
        (500, "600", range(79, 130)),
    ],
    ids=["seconds", "with a 429", "a date", "a billion", "sooner", "rubbish", "with a 500"],
)
def test_a_retry_after(
    status: int,
    retry_after: str | Callable[[], str],
    seconds: range,
    world: World,
    report: Report,
) -> None:
    asked = retry_after if isinstance(retry_after, str) else retry_after()
    with running_receiver() as receiver:
        receiver.status, receiver.headers = status, {"Retry-After": asked}
        endpoint_id = world.register(receiver.url)
        world.order()
        wait_for(lambda: attempt_at(world, endpoint_id), "the attempt is recorded")

    (delivery,) = world.read(f"/v1/deliveries?endpoint_id={endpoint_id}")["data"]
    (attempt,) = world.read(f"/v1/deliveries/{delivery['id']}")["attempts"]
    wait = moment(delivery["next_attempt_at"]) - moment(attempt["started_at"])
    assert int(wait.total_seconds()) in seconds
    world.books.wait_until_delivered()
    report(f"{status} with Retry-After: {asked} → {wait.total_seconds():.0f} s")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
