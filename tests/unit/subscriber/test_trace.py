from dataclasses import replace
from datetime import UTC, datetime, timedelta

from subscriber_app.explaining.trace import Kind, ReceivedRequest, Trace, build_trace, request_key
from subscriber_app.shop_api.delivery_log import (
    ShopAttempt,
    ShopDelivery,
    ShopRequest,
    ShopResponse,
)
from subscriber_app.vocabulary import Result, Verdict
from subscriber_app.web.trace.drawing import NARROW, TOP_MARGIN, WIDE, draw
from subscriber_app.web.trace.labels import trace_lines

START = datetime(2026, 11, 24, 12, tzinfo=UTC)


def after(milliseconds: float) -> datetime:
    return START + timedelta(milliseconds=milliseconds)


def attempt(
    number: int, began: float, *, took: int = 10, status: int | None = 200, receipt: str = ""
) -> ShopAttempt:
    body = f'{{"receipt_id": "{receipt}"}}' if receipt else "not ours"
    return ShopAttempt(
        number=number,
        started_at=after(began),
        duration_ms=took,
        trigger="automatic",
        enqueued_at=after(began - 2),
        request=ShopRequest(
            "http://127.0.0.1:8001/v1/new-purchase",
            {"webhook-timestamp": str(number), "webhook-signature": f"v1,{number}"},
        ),
        response=ShopResponse(status, body) if status else None,
        error=None if status else "connection_reset",
    )


def delivery(*attempts: ShopAttempt, state: str = "succeeded") -> ShopDelivery:
    return ShopDelivery(
        id="dlv_1",
        message_id="msg_1",
        endpoint_id="ep_1",
        event_type="purchase.created",
        state=state,
        created_at=START,
        order_id="ord_0123456789",
        next_attempt_at=after(60_000) if state == "pending" else None,
        completed_at=after(50) if state in ("failed", "cancelled", "succeeded") else None,
        attempts=list(attempts),
    )


def received(
    receipt_id: str, came: float, *, copy_of: int = 0, booked: bool = True
) -> ReceivedRequest:
    return ReceivedRequest(
        receipt_id=receipt_id,
        key=request_key(str(copy_of), f"v1,{copy_of}"),
        received_at=after(came),
        verified_at=after(came + 1),
        booked_at=after(came + 2) if booked else None,
        verdict=Verdict.ACCEPTED,
        reason=None,
        status=200,
        value_cents=5075,
        results=[Result.PASSED, Result.SKIPPED],
    )


def kinds(trace: Trace) -> list[str]:
    return [event.kind.value for event in trace.events]


def pairs(trace: Trace) -> dict[str, int | None]:
    """Return the attempt's number for each receipt."""
    return {
        event.request.receipt_id: event.attempt.number if event.attempt else None
        for event in trace.events
        if event.kind is Kind.RECEIVED and event.request
    }


def test_a_delivery_with_one_attempt_is_traced_from_order_to_response() -> None:
    trace = build_trace(
        delivery(attempt(1, 5, receipt="rcp_1")), [received("rcp_1", 8)], now=after(99)
    )

    assert kinds(trace) == [
        "ordered",
        "stored",
        "enqueued",
        "sent",
        "received",
        "verified",
        "booked",
        "answered",
    ]
    assert trace.started_at == START
    assert not trace.clocks_differ


def test_an_answer_names_the_receipt_it_belongs_to() -> None:
    first, second = attempt(1, 5, receipt="rcp_b"), attempt(2, 100, receipt="rcp_a")

    trace = build_trace(
        delivery(first, second), [received("rcp_a", 105), received("rcp_b", 8)], now=START
    )

    assert pairs(trace) == {"rcp_b": 1, "rcp_a": 2}


def test_without_a_response_timestamp_and_signature_identify_the_attempt() -> None:
    lost, arrived = attempt(1, 5, status=None), attempt(2, 100, receipt="rcp_2")

    trace = build_trace(
        delivery(lost, arrived),
        [received("rcp_2", 105, copy_of=2), received("rcp_1", 8, copy_of=1)],
        now=START,
    )

    assert pairs(trace) == {"rcp_1": 1, "rcp_2": 2}


def test_a_replay_is_not_paired_with_an_attempt() -> None:
    trace = build_trace(
        delivery(attempt(1, 5, receipt="rcp_1")),
        [received("rcp_1", 8, copy_of=1), received("rcp_replay", 500, copy_of=1, booked=False)],
        now=START,
    )

    assert pairs(trace) == {"rcp_1": 1, "rcp_replay": None}
    [replay] = [each for each in trace.events if each.kind is Kind.RECEIVED and not each.attempt]
    assert trace.is_foreign(replay)


def test_a_request_of_an_open_attempt_is_not_foreign() -> None:
    trace = build_trace(
        delivery(attempt(1, 5, status=None, took=20), state="sending"),
        [received("rcp_1", 8, copy_of=1), received("rcp_2", 2000, copy_of=2, booked=False)],
        now=after(3000),
    )

    assert not any(trace.is_foreign(each) for each in trace.events)
    assert kinds(trace)[-1] == "in_progress"


def test_a_request_whose_worker_was_killed_is_the_shops_although_it_has_no_record() -> None:
    killed = replace(received("rcp_1", 8, copy_of=1), fault="crash_worker", status=None)
    again = received("rcp_2", 13_003, copy_of=2, booked=False)

    trace = build_trace(
        delivery(attempt(1, 13_000, receipt="rcp_2")), [killed, again], now=after(14_000)
    )

    assert pairs(trace) == {"rcp_1": None, "rcp_2": 1}
    assert not any(trace.is_foreign(each) for each in trace.events)
    details = [line.detail for line in trace_lines(trace, shop_url="http://127.0.0.1:8000")]
    assert "sent by a worker that was killed" in " ".join(details)


def test_different_clocks_are_detected_and_corrected() -> None:
    behind = received("rcp_1", 8 - 700)

    trace = build_trace(delivery(attempt(1, 5, receipt="rcp_1")), [behind], now=START)

    assert trace.clocks_differ
    assert trace.clock_offset == timedelta(milliseconds=697)
    assert (
        kinds(trace).index("sent") < kinds(trace).index("received") < kinds(trace).index("answered")
    )


def test_a_clock_that_is_ahead_is_moved_back() -> None:
    trace = build_trace(
        delivery(attempt(1, 5, took=10, receipt="rcp_1")), [received("rcp_1", 4000)], now=START
    )

    assert trace.clock_offset == timedelta(milliseconds=15 - 4000)


def test_rounding_does_not_put_an_answer_before_what_it_answers() -> None:
    trace = build_trace(
        delivery(attempt(1, 5, took=4, receipt="rcp_1")), [received("rcp_1", 8)], now=START
    )

    assert kinds(trace)[-2:] == ["booked", "answered"]
    assert not trace.clocks_differ


def test_the_next_attempt_is_last_even_if_overdue() -> None:
    trace = build_trace(
        delivery(attempt(1, 5, status=500), state="pending"),
        [received("rcp_late", 999_999, booked=False)],
        now=START,
    )

    assert kinds(trace)[-1] == "next_attempt"


def test_a_delivery_that_failed_ends_with_giving_up() -> None:
    trace = build_trace(
        delivery(attempt(1, 45, status=500, took=20), state="failed"), [], now=START
    )

    assert kinds(trace)[-2:] == ["answered", "given_up"]


def test_without_the_shop_only_our_half_is_traced() -> None:
    trace = build_trace(None, [received("rcp_1", 8)], now=START)

    assert kinds(trace) == ["received", "verified", "booked"]
    assert trace.started_at == after(8)
    assert not any(trace.is_foreign(each) for each in trace.events)


def test_a_picture_runs_downward_with_arrows_between_the_lanes() -> None:
    trace = build_trace(
        delivery(attempt(1, 5, status=None), attempt(2, 4000, receipt="rcp_2")),
        [received("rcp_2", 4003, copy_of=2)],
        now=START,
    )
    lines = trace_lines(trace, shop_url="http://127.0.0.1:8000")

    for layout in (WIDE, NARROW):
        picture = draw(lines, layout)
        heights = [row.y for row in picture.rows]
        assert heights[0] == TOP_MARGIN
        assert heights == sorted(heights)
        assert picture.height > heights[-1]
        lost, out, back = picture.arrows
        assert lost.is_lost
        assert (out.x1, out.x2) == (layout.shop_x, layout.subscriber_x)
        assert (back.x1, back.x2) == (layout.subscriber_x, layout.shop_x)
        assert [pause.text for pause in picture.pauses] == ["4.0 s"]


def test_lines_link_to_pages_with_details() -> None:
    trace = build_trace(delivery(attempt(1, 5, receipt="rcp_1")), [received("rcp_1", 8)], now=START)

    lines = {line.event.kind: line for line in trace_lines(trace, shop_url="http://127.0.0.1:8000")}

    assert lines[Kind.SENT].address == "http://127.0.0.1:8000/deliveries/dlv_1"
    assert lines[Kind.VERIFIED].address == "/receipts/rcp_1"
    assert lines[Kind.BOOKED].title == "Booked $50.75"
    assert lines[Kind.ANSWERED].elapsed == "+15 ms"
