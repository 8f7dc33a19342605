"""Log lines, as text for people and as JSON for programs."""

import json
import logging
import sys
from collections.abc import Iterator

import pytest

from hookshop.webkit.logs import JsonLines, TextLines, add_request_id, request_id

ID = "msg_0193c0ffee"
FIELDS = ("message_id", "endpoint_id")


@pytest.fixture
def current_request() -> Iterator[str]:
    token = request_id.set("req_1")
    yield "req_1"
    request_id.reset(token)


def record(message: str, *args: object, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("shop.worker", logging.INFO, __file__, 1, message, args, None)
    made.__dict__.update(facts)
    return made


def fail(error: str) -> None:
    raise ValueError(error)


def failed(message: str, error: str = "nothing there") -> logging.LogRecord:
    made = record(message)
    try:
        fail(error)
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_a_line_names_the_ids_that_its_message_does_not() -> None:
    line = TextLines(FIELDS).format(record("Order %s", "ord_1", message_id=ID, endpoint_id="ord_1"))

    assert line.endswith(f" INFO    Order ord_1 [{ID}]")


def test_a_line_without_ids_is_unchanged() -> None:
    assert TextLines(FIELDS).format(record("All is %s", "well")).endswith(" INFO    All is well")


def test_untrusted_text_cannot_start_a_line_or_change_colors() -> None:
    hostile = "a\r\n2026-11-24 ERROR   all is lost \x1b[31m\x85"

    line = TextLines(FIELDS).format(record("GET %s", hostile))

    assert len(line.splitlines()) == 1
    assert r"a\r\n2026" in line
    assert r"\x1b[31m\x85" in line


def test_a_traceback_follows_its_line() -> None:
    first, *rest = TextLines(FIELDS).format(failed("It broke")).splitlines()

    assert first.endswith("It broke")
    assert rest[-1] == "  ValueError: nothing there"


def test_an_untrusted_id_cannot_change_its_line() -> None:
    hostile = "msg_\x1b[2K\r\u202e\x7f"

    line = TextLines(FIELDS).format(record("It failed", message_id=hostile))

    assert line.endswith(r"It failed [msg_\x1b[2K\r\u202e\x7f]")


def test_the_text_of_an_error_cannot_forge_a_line() -> None:
    forged = "2026-11-24 10:00:00,000 ERROR   all is lost"
    hostile = f"bad \x1b[2K\n{forged}"

    lines = TextLines(FIELDS).format(failed("It broke", hostile)).split("\n")

    assert lines[-2:] == [r"  ValueError: bad \x1b[2K", f"  {forged}"]


def test_json_is_one_object_a_line_with_its_facts_in_fields() -> None:
    line = JsonLines(FIELDS).format(record("Took\n%d ms → ok", 7, message_id=ID, duration_ms=7))

    document = json.loads(line)
    assert len(line.splitlines()) == 1
    assert document.pop("time").endswith("Z")
    assert document == {
        "level": "info",
        "logger": "shop.worker",
        "message": "Took\n7 ms → ok",
        "message_id": ID,
        "duration_ms": 7,
    }


def test_a_line_of_json_is_printable() -> None:
    hostile = "\x1b[2K\r\x7f\x85\u202e"

    line = JsonLines(FIELDS).format(record("GET %s", hostile, message_id=hostile))

    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message_id"] == hostile


def test_json_holds_the_traceback_too() -> None:
    document = json.loads(JsonLines(FIELDS).format(failed("It broke")))

    assert document["message"] == "It broke"
    assert document["exception"].startswith("Traceback")


def test_what_is_written_during_a_request_carries_its_id(current_request: str) -> None:
    written = record("Something happened")

    add_request_id(written)

    assert json.loads(JsonLines(FIELDS).format(written))["request_id"] == current_request
    assert TextLines(FIELDS).format(written).endswith(f"Something happened [{current_request}]")


def test_outside_of_requests_there_is_no_id() -> None:
    written = record("Something happened")

    add_request_id(written)

    assert "request_id" not in json.loads(JsonLines(FIELDS).format(written))
