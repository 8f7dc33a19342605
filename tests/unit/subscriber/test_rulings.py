import pytest

from subscriber_app.checklist import Checklist, Finding, VerificationError
from subscriber_app.receiving.decision import Handled, Ruling, body_sha256, examine, refuse, settle
from subscriber_app.receiving.verification import Expectation
from subscriber_app.vocabulary import Reason, Result, StepName, Verdict
from tests.integration.subscriber.signer import NOW, OUR_URL, SECRET, Delivery, incoming, purchase

EXPECTED = Expectation(secrets=[SECRET], audience=OUR_URL, now=NOW)


def ruling_on(delivery: Delivery, handled: Handled | None = None) -> Ruling:
    request = incoming(delivery)
    return settle(examine(request, EXPECTED), request, handled)


def results(ruling: Ruling) -> dict[StepName, Result]:
    return {step.name: step.result for step in ruling.checklist.steps}


def detail_of(ruling: Ruling, name: StepName) -> str:
    return next(step.detail for step in ruling.checklist.steps if step.name is name)


def test_the_first_of_its_id_is_accepted_and_booked() -> None:
    ruling = ruling_on(Delivery())

    assert (ruling.verdict, ruling.status, ruling.reason) == (Verdict.ACCEPTED, 200, None)
    assert set(results(ruling).values()) == {Result.PASSED}
    assert detail_of(ruling, StepName.BOOKING) == "50.75 booked"


@pytest.mark.parametrize(
    ("value", "shown"), [(50, "50.00"), (-0.05, "-0.05"), (999_999_999_999.99, "999999999999.99")]
)
def test_money_is_shown_to_the_cent(value: float, shown: str) -> None:
    ruling = ruling_on(Delivery(body=purchase(value)))

    assert detail_of(ruling, StepName.BOOKING) == f"{shown} booked"
    assert detail_of(ruling, StepName.EVENT) == f"purchase.created over {shown}"


def test_the_same_again_is_a_duplicate_and_the_first_receipt_is_named() -> None:
    handled = Handled(body_sha256(incoming(Delivery())), receipt_id="rcp_1")

    ruling = ruling_on(Delivery(timestamp=NOW + 1), handled)

    assert (ruling.verdict, ruling.status) == (Verdict.DUPLICATE, 200)
    assert results(ruling)[StepName.BOOKING] is Result.SKIPPED
    assert "rcp_1" in detail_of(ruling, StepName.DEDUPLICATION)


def test_the_same_id_with_another_body_is_a_conflict() -> None:
    handled = Handled(body_sha256(incoming(Delivery())), receipt_id="rcp_1")

    ruling = ruling_on(Delivery(body=purchase(1)), handled)

    assert (ruling.verdict, ruling.status) == (Verdict.REJECTED, 409)
    assert ruling.reason is Reason.CONFLICTING_BODY
    assert "rcp_1" in ruling.detail
    assert results(ruling)[StepName.BOOKING] is Result.NOT_REACHED


def test_an_event_without_money_is_accepted_and_nothing_is_booked() -> None:
    ruling = ruling_on(Delivery(body=purchase(type_="purchase.shipped")))

    assert ruling.verdict is Verdict.ACCEPTED
    assert results(ruling)[StepName.BOOKING] is Result.SKIPPED


def test_an_unknown_type_is_ignored_and_nothing_is_remembered_of_it() -> None:
    ruling = ruling_on(Delivery(body=purchase(type_="purchase.gift")))

    assert (ruling.verdict, ruling.status) == (Verdict.IGNORED, 200)
    assert results(ruling)[StepName.DEDUPLICATION] is Result.NOT_REACHED


def test_a_refusal_is_never_settled_by_what_came_before() -> None:
    handled = Handled(body_sha256(incoming(Delivery())), receipt_id="rcp_1")

    ruling = ruling_on(Delivery(timestamp=NOW - 301), handled)

    assert ruling.reason is Reason.TIMESTAMP_TOO_OLD


def test_a_refusal_on_purpose_has_its_own_status() -> None:
    refusal = VerificationError(Reason.SIMULATED_FAULT, "on purpose", status=503)

    ruling = refuse(refusal, Checklist())

    assert (ruling.verdict, ruling.status, ruling.detail) == (Verdict.REJECTED, 503, "on purpose")
    assert set(results(ruling).values()) == {Result.NOT_REACHED}


def test_a_checklist_holds_every_step_in_order_and_what_came_of_it() -> None:
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


def test_two_checklists_have_nothing_in_common() -> None:
    one, other = Checklist(), Checklist()

    with one.step(StepName.SIZE) as step:
        step.finding = Finding("only here")

    assert other.steps[0].result is Result.NOT_REACHED
