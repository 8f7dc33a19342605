import pytest

from subscriber_app.faults import Fault, FaultActionKind, FaultMode, make_fault
from subscriber_app.vocabulary import Reason, StepName
from subscriber_app.web.labels import (
    FAULT_ACTION_LABELS,
    FAULT_CHIPS,
    FAULT_SENTENCES,
    REASON_MEANINGS,
    STEP_LABELS,
    fault_chip,
    fault_label,
    fault_sentence,
    step_label,
)


def test_every_reason_has_a_meaning_for_people() -> None:
    assert set(REASON_MEANINGS) == set(Reason)
    assert all(meaning.endswith(".") for meaning in REASON_MEANINGS.values())


def test_every_step_has_a_label_of_its_own() -> None:
    assert set(STEP_LABELS) == set(StepName)
    assert len(set(STEP_LABELS.values())) == len(StepName)
    assert step_label("content_type") == "Content type"


def test_every_reason_has_a_4xx_status() -> None:
    assert {reason.status for reason in Reason} == {400, 401, 408, 409, 413, 415}
    assert Reason.SIGNATURE_MISMATCH.status == 401


def test_every_fault_mode_has_a_sentence() -> None:
    assert set(FAULT_SENTENCES) == set(FAULT_CHIPS) == set(FaultMode)
    assert set(FAULT_ACTION_LABELS) == set(FaultActionKind)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("200", "gets a normal response"),
        ("503:5", "gets a 503 response, with Retry-After: 5"),
        ("302", "gets a 302 response, with Location: /"),
        ("slow:3", "gets its response 3 s late"),
        ("timeout", "gets no response"),
    ],
)
def test_the_next_word_of_a_script_is_described(word: str, sentence: str) -> None:
    fault = make_fault(FaultMode.SCRIPT, script=f"{word} 503")

    assert fault_sentence(fault) == f"the next webhook {sentence}: word 1 of 2 of the script."


@pytest.mark.parametrize(
    ("fault", "chip", "sentence"),
    [
        (
            make_fault(FaultMode.STATUS, status=429, retry_after=5),
            "429 on purpose",
            "every webhook gets a 429 response, with Retry-After: 5.",
        ),
        (
            make_fault(FaultMode.STATUS, status=302),
            "302 on purpose",
            "every webhook gets a 302 response, with Location: /.",
        ),
        (
            make_fault(FaultMode.SLOW, seconds=3),
            "3 s late",
            "every webhook is booked at once, and its response is 3 s late.",
        ),
        (
            make_fault(FaultMode.RANDOM, percent=30),
            "500 for 30 %",
            "30 % of the webhooks, at random, get a 500 response.",
        ),
        (
            make_fault(FaultMode.SCRIPT, script="503 drop 200", position=1),
            "by a script",
            "the next webhook has its connection closed: word 2 of 3 of the script.",
        ),
    ],
)
def test_a_fault_is_described(fault: Fault, chip: str, sentence: str) -> None:
    assert fault_chip(fault) == chip
    assert fault_sentence(fault) == sentence


@pytest.mark.parametrize(
    ("recorded", "label"),
    [
        ("429:5", "Retry-After 5 s"),
        ("slow:3", "3 s late"),
        ("timeout", "timeout on purpose"),
        ("drop", "connection closed"),
        ("accept_then_500", "500 after booking"),
    ],
)
def test_a_recorded_fault_is_described(recorded: str, label: str) -> None:
    assert fault_label(recorded) == label


def test_a_script_that_is_used_up_is_no_fault_any_more() -> None:
    used_up = make_fault(FaultMode.SCRIPT, script="503", position=1)

    assert fault_chip(used_up) == "normal"
