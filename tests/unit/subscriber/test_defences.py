"""What passes with a defense switched off, and the result of its step."""

import pytest

from subscriber_app.checklist import Checklist, VerificationError
from subscriber_app.receiving.decision import ProcessedMessage, body_sha256, evaluate, finalize
from subscriber_app.receiving.defences import NONE_OFF, Defence, verified_body
from subscriber_app.receiving.verification import Expectation, IncomingRequest, verify
from subscriber_app.vocabulary import Reason, Result, StepName, Verdict
from tests.integration.subscriber.signer import NOW, OUR_URL, SECRET, Delivery, incoming, purchase

RAW_OFF = frozenset({Defence.RAW_BODY})


def expecting(*off: Defence, now: float = NOW) -> Expectation:
    return Expectation([SECRET], OUR_URL, now, frozenset(off))


def steps(request: IncomingRequest, expected: Expectation) -> dict[StepName, tuple[Result, str]]:
    checklist = Checklist()
    verify(request, expected, checklist)
    return {step.name: (step.result, step.detail) for step in checklist.steps}


@pytest.mark.parametrize(
    ("defence", "step", "request_"),
    [
        (
            Defence.TIMESTAMP,
            StepName.TIMESTAMP,
            incoming(Delivery(timestamp=9), authorization=None),
        ),
        (Defence.SIGNATURE, StepName.SIGNATURE, incoming(Delivery(), webhook_signature="v1,x")),
        (Defence.TOKEN, StepName.TOKEN, incoming(Delivery(), authorization="Bearer x")),
    ],
    ids=str,
)
def test_a_step_whose_defence_is_off_is_skipped_and_says_so(
    defence: Defence, step: StepName, request_: IncomingRequest
) -> None:
    with pytest.raises(VerificationError):
        verify(request_, expecting(), Checklist())

    result, detail = steps(request_, expecting(defence))[step]

    assert result is Result.SKIPPED
    assert detail.startswith("Switched off: ")


@pytest.mark.parametrize("timestamp", ["", "soon", "1e9", "-1"])
def test_without_the_window_a_timestamp_is_still_a_number(timestamp: str) -> None:
    with pytest.raises(VerificationError) as rejection:
        verify(
            incoming(Delivery(), webhook_timestamp=timestamp),
            expecting(Defence.TIMESTAMP),
            Checklist(),
        )

    assert rejection.value.reason is Reason.MALFORMED_TIMESTAMP


@pytest.mark.parametrize("off", [(), (Defence.SIGNATURE,), (Defence.TOKEN,)])
def test_one_credential_is_required_while_either_check_is_on(off: list[Defence]) -> None:
    bare = incoming(Delivery(), webhook_signature=None, authorization=None)

    assert evaluate(bare, expecting(*off)).reason is Reason.NO_CREDENTIAL
    assert evaluate(bare, expecting(Defence.SIGNATURE, Defence.TOKEN)).verdict is Verdict.ACCEPTED


def test_without_deduplication_a_processed_message_is_booked_again() -> None:
    request = incoming(Delivery())
    processed = ProcessedMessage(body_sha256(request), "rcp_1")
    off = frozenset({Defence.DEDUPLICATION})

    decision = finalize(evaluate(request, expecting()), request, processed, off)

    assert decision.verdict is Verdict.ACCEPTED
    *_others, deduplication, booking = decision.checklist.steps
    assert deduplication.result is Result.SKIPPED
    assert booking.detail == "$50.75 booked"


def test_without_the_raw_body_other_bytes_of_the_same_json_pass() -> None:
    genuine = Delivery()
    changed = IncomingRequest(genuine.headers(), genuine.body.replace(b":", b" : ", 3))

    assert evaluate(changed, expecting()).reason is Reason.SIGNATURE_MISMATCH
    assert evaluate(changed, expecting(Defence.RAW_BODY)).verdict is Verdict.ACCEPTED


def test_without_the_raw_body_a_genuine_round_amount_is_rejected() -> None:
    genuine = incoming(Delivery(body=purchase(12.0)))

    assert evaluate(genuine, expecting()).verdict is Verdict.ACCEPTED
    assert evaluate(genuine, expecting(Defence.RAW_BODY)).reason is Reason.SIGNATURE_MISMATCH


@pytest.mark.parametrize(
    ("body", "judged"),
    [
        (b' {"a" : [1.50, 2.0, -0.0, 1e2]} ', b'{"a":[1.5,2,0,100]}'),
        (b'{"a":"\\u00eb"}', '{"a":"ë"}'.encode()),
        (b'{"a":1,"a":2}', b'{"a":2}'),
        (b'"\\ud800"', b'"\xed\xa0\x80"'),
    ],
)
def test_json_is_reserialized_as_in_javascript(body: bytes, judged: bytes) -> None:
    assert verified_body(body, RAW_OFF) == judged
    assert verified_body(body, NONE_OFF) == body


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"9" * 5_000])
def test_a_body_that_is_not_json_stays_unchanged(body: bytes) -> None:
    assert verified_body(body, RAW_OFF) == body
