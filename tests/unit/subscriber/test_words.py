from subscriber_app.vocabulary import Reason, Result, StepName
from subscriber_app.web.words import REASON_MEANINGS, STEP_LABELS, result_words, step_label


def test_every_reason_has_a_meaning_for_people() -> None:
    assert set(REASON_MEANINGS) == set(Reason)
    assert all(meaning.endswith(".") for meaning in REASON_MEANINGS.values())


def test_every_step_has_a_label_of_its_own() -> None:
    assert set(STEP_LABELS) == set(StepName)
    assert len(set(STEP_LABELS.values())) == len(StepName)
    assert step_label("content_type") == "Content type"


def test_every_result_is_shown_in_words() -> None:
    words = [result_words(result.value) for result in Result]

    assert words == ["passed", "failed", "skipped", "not reached"]


def test_every_reason_is_refused_with_a_status_of_the_senders_fault() -> None:
    assert {reason.status for reason in Reason} == {400, 401, 409, 413, 415}
    assert Reason.SIGNATURE_MISMATCH.status == 401
