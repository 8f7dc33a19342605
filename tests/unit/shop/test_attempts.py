from datetime import UTC, datetime
from typing import Any

import pytest

from shop.database.models import Attempt
from shop.vocabulary import Trigger
from shop.web.deliveries.attempts import AttemptView, view_attempts
from tests.steps import steps_of

BODY = b'{"event":{}}'


def row(**fields: Any) -> Attempt:
    standard: dict[str, Any] = {
        "delivery_id": "dlv_1",
        "number": 1,
        "trigger": Trigger.AUTOMATIC,
        "started_at": datetime(2026, 11, 23, tzinfo=UTC),
        "duration_ms": 12,
        "request_url": "http://127.0.0.1:9001/",
        "request_headers": {"webhook-id": "msg_1"},
        "response_status": None,
        "response_headers": None,
        "response_body": None,
        "response_truncated": False,
        "error": None,
        "error_detail": None,
    }
    return Attempt(**{**standard, **fields})


def view(**fields: Any) -> AttemptView:
    [shown] = view_attempts([row(**fields)], BODY)
    return shown


def test_the_newest_attempt_comes_first() -> None:
    attempts = [row(number=number) for number in (1, 2, 3)]

    assert [attempt.number for attempt in view_attempts(attempts, BODY)] == [3, 2, 1]


def test_an_answer_is_named_by_its_status() -> None:
    shown = view(response_status=503, response_body=b"busy", response_headers={"server": "x"})

    assert (shown.outcome, shown.answered, shown.succeeded) == (
        "503 Service Unavailable",
        True,
        False,
    )
    assert shown.response_body == "busy"
    assert shown.response_pretty is None
    assert shown.explanation == "The receiver failed."
    assert shown.response_size == 4


def test_json_in_an_answer_is_made_pretty_and_its_size_stays_that_of_the_bytes() -> None:
    shown = view(response_status=200, response_body=b'{"ok":true}')

    assert shown.succeeded
    assert shown.response_pretty == '{\n  "ok": true\n}'
    assert shown.response_body == '{"ok":true}'
    assert shown.response_size == 11


def test_an_error_is_named_and_explained_with_what_the_library_said() -> None:
    shown = view(error="dns_error", error_detail="no such\u202ehost")

    assert (shown.outcome, shown.answered, shown.succeeded) == ("dns_error", False, False)
    assert shown.explanation == "The host name could not be resolved."
    assert shown.error_detail == "no such⟨U+202E⟩host"


def test_an_error_without_an_explanation_is_still_shown() -> None:
    assert view(error="new_error").outcome == "new_error"
    assert view(error="new_error").explanation == ""


def test_nothing_hides_in_the_headers_of_an_answer() -> None:
    shown = view(response_status=200, response_headers={"x-a": "b\u202ec\x00", "x\u200by": "z"})

    assert shown.response_headers == [("x-a", "b⟨U+202E⟩c␀"), ("x⟨U+200B⟩y", "z")]


def test_the_time_is_split_where_it_is_known() -> None:
    shown = view(
        duration_ms=10,
        timings={
            "connecting_ms": 1.0,
            "lookup_ms": 0.5,
            "waiting_ms": 8.0,
            "reused_connection": False,
        },
    )

    assert [
        (phase.label, phase.milliseconds, phase.start, phase.width) for phase in shown.phases
    ] == [
        ("name lookup", 0.5, 0, 5),
        ("connecting", 1, 5, 10),
        ("waiting for the response", 8, 15, 80),
    ]
    assert not shown.reused_connection


def test_over_https_connecting_includes_tls() -> None:
    timings = {"connecting_ms": 30.0, "reused_connection": False}

    [phase] = view(request_url="https://hooks.example/", timings=timings).phases

    assert phase.label == "connecting and TLS"


def test_nothing_is_said_of_times_that_are_not_known() -> None:
    assert view(timings=None).phases == []


def test_what_was_never_sent_is_no_command() -> None:
    assert view(request_headers={}, error="internal_error").curl == ""
    assert "'webhook-id: msg_1'" in view().curl
    assert """'{"event":{}}'""" in view().curl


def test_the_endpoints_own_record_is_found_in_its_answer() -> None:
    link = '<http://127.0.0.1:9001/receipts/1>; rel="describedby"'

    assert (
        view(response_headers={"link": link}).describedby_link == "http://127.0.0.1:9001/receipts/1"
    )
    assert view(response_headers={"link": link.replace("9001", "9002")}).describedby_link is None
    assert view().describedby_link is None


def test_an_answer_that_was_made_readable_once_is_not_made_readable_again() -> None:
    hostile = b"[" + b"[]," * 5000 + b"[]]"
    view(response_status=500, response_body=hostile)

    steps = steps_of(lambda: view(response_status=500, response_body=hostile))

    assert steps < 10_000


@pytest.mark.parametrize(
    "hostile", [b"[" + b"[]," * 5459 + b"[]]", b"\n" * 16_384, b"\x00" * 16_384, b"[" * 16_384]
)
def test_an_answer_is_made_readable_in_a_bounded_number_of_steps(hostile: bytes) -> None:
    headers = {f"x-{number}": "\x80" * 8000 for number in range(3)}

    steps = steps_of(
        lambda: view(response_status=500, response_body=hostile, response_headers=headers)
    )

    assert steps < 500_000
