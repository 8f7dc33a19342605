import pytest

from subscriber_app.checklist import Checklist, Finding, VerificationError
from subscriber_app.receiving.decision import (
    Decision,
    ProcessedMessage,
    body_sha256,
    evaluate,
    finalize,
    reject,
)
from subscriber_app.receiving.verification import Expectation
from subscriber_app.vocabulary import Reason, Result, StepName, Verdict
from tests.integration.subscriber.signer import NOW, OUR_URL, SECRET, Delivery, incoming, purchase

EXPECTED = Expectation(secrets=[SECRET], audience=OUR_URL, now=NOW)


def decide(delivery: Delivery, processed: ProcessedMessage | None = None) -> Decision:
    request = incoming(delivery)
    return finalize(evaluate(request, EXPECTED), request, processed)


def results(decision: Decision) -> dict[StepName, Result]:
    return {step.name: step.result for step in decision.checklist.steps}


def detail_of(decision: Decision, name: StepName) -> str:
    return next(step.detail for step in decision.checklist.steps if step.name is name)


def test_the_first_request_with_an_id_is_accepted_and_booked() -> None:
    decision = decide(Delivery())

    assert (decision.verdict, decision.status, decision.reason) == (Verdict.ACCEPTED, 200, None)
    assert set(results(decision).values()) == {Result.PASSED}
    assert detail_of(decision, StepName.BOOKING) == "$50.75 booked"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(50, "$50.00"), (-0.05, "−$0.05"), (999_999_999_999.99, "$999999999999.99")],
)
def test_money_is_shown_to_the_cent(value: float, shown: str) -> None:
    decision = decide(Delivery(body=purchase(value)))

    assert detail_of(decision, StepName.BOOKING) == f"{shown} booked"
    assert detail_of(decision, StepName.EVENT) == f"purchase.created for {shown}"


def test_a_repeated_request_is_a_duplicate_that_names_the_first_receipt() -> None:
    processed = ProcessedMessage(body_sha256(incoming(Delivery())), receipt_id="rcp_1")

    decision = decide(Delivery(timestamp=NOW + 1), processed)

    assert (decision.verdict, decision.status) == (Verdict.DUPLICATE, 200)
    assert results(decision)[StepName.BOOKING] is Result.SKIPPED
    assert "rcp_1" in detail_of(decision, StepName.DEDUPLICATION)


def test_the_same_id_with_another_body_is_a_conflict() -> None:
    processed = ProcessedMessage(body_sha256(incoming(Delivery())), receipt_id="rcp_1")

    decision = decide(Delivery(body=purchase(1)), processed)

    assert (decision.verdict, decision.status) == (Verdict.REJECTED, 409)
    assert decision.reason is Reason.CONFLICTING_BODY
    assert "rcp_1" in decision.detail
    assert results(decision)[StepName.BOOKING] is Result.NOT_REACHED


def test_an_event_without_money_is_accepted_and_nothing_is_booked() -> None:
    decision = decide(Delivery(body=purchase(type_="purchase.shipped")))

    assert decision.verdict is Verdict.ACCEPTED
    assert results(decision)[StepName.BOOKING] is Result.SKIPPED


def test_an_unknown_type_is_ignored_before_deduplication() -> None:
    decision = decide(Delivery(body=purchase(type_="purchase.gift")))

    assert (decision.verdict, decision.status) == (Verdict.IGNORED, 200)
    assert results(decision)[StepName.DEDUPLICATION] is Result.NOT_REACHED


def test_a_rejection_stands_whatever_was_processed_before() -> None:
    processed = ProcessedMessage(body_sha256(incoming(Delivery())), receipt_id="rcp_1")

    decision = decide(Delivery(timestamp=NOW - 301), processed)

    assert decision.reason is Reason.TIMESTAMP_TOO_OLD


def test_a_fault_sets_the_status_of_its_rejection() -> None:
    rejection = VerificationError(Reason.SIMULATED_FAULT, "on purpose", status=503)

    decision = reject(rejection, Checklist())

    assert (decision.verdict, decision.status, decision.detail) == (
        Verdict.REJECTED,
        503,
        "on purpose",
    )
    assert set(results(decision).values()) == {Result.NOT_REACHED}


def test_a_checklist_has_every_step_in_order_with_its_result() -> None:
    checklist = Checklist()

    with checklist.step(StepName.SIZE) as step:
        step.finding = Finding("fits")
    with checklist.step(StepName.CONTENT_TYPE) as step:
        step.finding = Finding("not looked at", skipped=True)
    with pytest.raises(VerificationError), checklist.step(StepName.HEADERS):
        raise VerificationError(Reason.MISSING_HEADER, "one is missing")

    assert [step.name for step in checklist.steps] == list(StepName)
    assert [(step.result, step.detail) for step in checklist.steps] == [
        (Result.PASSED, "fits"),
        (Result.SKIPPED, "not looked at"),
        (Result.FAILED, "one is missing"),
        *[(Result.NOT_REACHED, "")] * 6,
    ]


def test_two_checklists_share_no_state() -> None:
    one, other = Checklist(), Checklist()

    with one.step(StepName.SIZE) as step:
        step.finding = Finding("only here")

    assert other.steps[0].result is Result.NOT_REACHED
