"""Lines of the log, the same in both applications: for people as text, for programs as JSON."""

import json
import logging
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

import shop.logs
import subscriber_app.logs

ID = "msg_0193c0ffee"


@pytest.fixture(params=[shop.logs, subscriber_app.logs], ids=["shop", "subscriber"])
def logs(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


@pytest.fixture
def current_request(logs: ModuleType) -> Iterator[str]:
    token = logs.request_id.set("req_1")
    yield "req_1"
    logs.request_id.reset(token)


def record(message: str, *args: object, **facts: object) -> logging.LogRecord:
    made = logging.LogRecord("shop.worker", logging.INFO, __file__, 1, message, args, None)
    made.__dict__.update(facts)
    return made


def failed(message: str) -> logging.LogRecord:
    made = record(message)
    try:
        int("nothing there")
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_a_line_names_the_ids_that_its_message_does_not(logs: ModuleType) -> None:
    line = logs.TextLines().format(record("Order %s", "ord_1", message_id=ID, endpoint_id="ord_1"))

    assert line.endswith(f" INFO    Order ord_1 [{ID}]")


def test_a_line_without_ids_is_as_it_was(logs: ModuleType) -> None:
    assert logs.TextLines().format(record("All is %s", "well")).endswith(" INFO    All is well")


def test_what_a_stranger_sent_begins_no_line_and_colours_nothing(logs: ModuleType) -> None:
    hostile = "a\r\n2026-11-24 ERROR   all is lost \x1b[31m\x85"

    line = logs.TextLines().format(record("GET %s", hostile))

    assert len(line.splitlines()) == 1
    assert r"a\x0d\x0a2026" in line
    assert r"\x1b[31m\x85" in line


def test_a_traceback_follows_its_line(logs: ModuleType) -> None:
    first, *rest = logs.TextLines().format(failed("It broke")).splitlines()

    assert first.endswith("It broke")
    assert rest[-1].startswith("ValueError")


def test_json_is_one_object_a_line_with_its_facts_in_fields(logs: ModuleType) -> None:
    line = logs.JsonLines().format(record("Took\n%d ms → ok", 7, message_id=ID, duration_ms=7))

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


def test_json_holds_the_traceback_too(logs: ModuleType) -> None:
    document = json.loads(logs.JsonLines().format(failed("It broke")))

    assert document["message"] == "It broke"
    assert document["exception"].startswith("Traceback")


def test_what_is_written_during_a_request_carries_its_id(
    logs: ModuleType, current_request: str
) -> None:
    written = record("Something happened")

    logs.add_request_id(written)

    assert json.loads(logs.JsonLines().format(written))["request_id"] == current_request
    assert logs.TextLines().format(written).endswith(f"Something happened [{current_request}]")


def test_outside_of_requests_there_is_no_id(logs: ModuleType) -> None:
    written = record("Something happened")

    logs.add_request_id(written)

    assert "request_id" not in json.loads(logs.JsonLines().format(written))
