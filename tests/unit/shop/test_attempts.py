from datetime import UTC, datetime
from typing import Any

from shop.models import Attempt
from shop.vocabulary import Trigger
from shop.web.deliveries.attempts import AttemptView, view_attempts


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
    [shown] = view_attempts([row(**fields)])
    return shown


def test_the_newest_attempt_comes_first() -> None:
    attempts = [row(number=number) for number in (1, 2, 3)]

    assert [attempt.number for attempt in view_attempts(attempts)] == [3, 2, 1]


def test_an_answer_is_named_by_its_status() -> None:
    shown = view(response_status=503, response_body=b"busy", response_headers={"server": "x"})

    assert (shown.outcome, shown.answered, shown.succeeded) == (
        "503 Service Unavailable",
        True,
        False,
    )
    assert shown.response_body == "busy"
    assert not shown.response_is_pretty
    assert shown.response_size == 4


def test_json_in_an_answer_is_made_pretty_and_its_size_stays_that_of_the_bytes() -> None:
    shown = view(response_status=200, response_body=b'{"ok":true}')

    assert shown.succeeded
    assert shown.response_is_pretty
    assert shown.response_body == '{\n  "ok": true\n}'
    assert shown.response_size == 11


def test_an_error_is_named_and_explained_with_what_the_library_said() -> None:
    shown = view(error="dns_error", error_detail="no such\u202ehost")

    assert (shown.outcome, shown.answered, shown.succeeded) == ("dns_error", False, False)
    assert shown.explanation == "The host's name could not be resolved to an address."
    assert shown.error_detail == "no such⟨U+202E⟩host"


def test_an_error_without_an_explanation_is_still_shown() -> None:
    assert view(error="new_error").outcome == "new_error"
    assert view(error="new_error").explanation == ""


def test_nothing_hides_in_the_headers_of_an_answer() -> None:
    shown = view(response_status=200, response_headers={"x-a": "b\u202ec\x00", "x\u200by": "z"})

    assert shown.response_headers == [("x-a", "b⟨U+202E⟩c␀"), ("x⟨U+200B⟩y", "z")]
