"""Which action applies to which request, and which faults are invalid."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriber_app.faults import (
    BadFault,
    Fault,
    FaultAction,
    FaultActionKind,
    FaultMode,
    make_fault,
)
from subscriber_app.faults.actions import parse_recorded_word, parse_script_word

SCRIPT = "503 503 timeout 429:5 drop 200 slow:3 accept_then_500"


def script_words_of(fault: Fault, requests: int) -> list[str | None]:
    """Return the script words of the next requests, in order; None for a normal response."""
    words = []
    for _ in range(requests):
        words.append(fault.action.script_word if fault.action else None)
        fault = fault.after_one_request()
    return words


def test_a_script_applies_word_by_word_and_then_responses_are_normal() -> None:
    fault = make_fault(FaultMode.SCRIPT, script=SCRIPT)

    words = script_words_of(fault, 10)

    expected: list[str | None] = [*SCRIPT.split(), None, None]
    expected[5] = None  # 200
    assert words == expected


def test_a_script_continues_from_its_position() -> None:
    fault = make_fault(FaultMode.SCRIPT, script=SCRIPT, position=3)

    assert script_words_of(fault, 2) == ["429:5", "drop"]


def test_white_space_in_a_script_does_not_matter() -> None:
    fault = make_fault(FaultMode.SCRIPT, script="  503\n\tdrop \r\n")

    assert fault.script == "503 drop"


@pytest.mark.parametrize(
    "script",
    [
        "perhaps",
        "503,503",
        "503 DROP",
        "never",
        "201",
        "299",
        "600",
        "0503",
        "５０３",
        "-503",
        "503:",
        "500:5",
        "429:-1",
        "429:5.0",
        "429:86401",
        "429:9999999",
        "429:5:5",
        "slow",
        "slow:",
        "slow:0",
        "slow:61",
        "slow:3s",
        "slow:٣",
        "drop\x00",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "",
        " ",
        "503 " * 101,
        "x" * 1001,
    ],
)
def test_an_invalid_script_is_refused(script: str) -> None:
    with pytest.raises(BadFault):
        make_fault(FaultMode.SCRIPT, script=script)


@given(st.text())
def test_any_text_as_a_script_is_accepted_or_refused(text: str) -> None:
    outcome = parse_script(text)

    assert outcome.isprintable()
    assert len(outcome) < 300


def parse_script(text: str) -> str:
    try:
        return make_fault(FaultMode.SCRIPT, script=text).script or ""
    except BadFault as error:
        return str(error)


@given(st.text(alphabet="0123456789:slowdrptimeu_", max_size=12))
def test_a_parsed_script_word_is_written_the_same(word: str) -> None:
    try:
        action = parse_script_word(word)
    except BadFault:
        return
    if action and ":0" not in word:  # 429:05 is 429:5
        assert action.script_word == word


def test_the_same_seed_gives_the_same_sequence_and_another_seed_another() -> None:
    first, again, other = (
        script_words_of(make_fault(FaultMode.RANDOM, percent=50, status=503, seed=seed), 64)
        for seed in (7, 7, 8)
    )

    assert first == again != other
    assert set(first) == {"503", None}


def test_a_random_sequence_continues_from_its_position() -> None:
    whole = script_words_of(make_fault(FaultMode.RANDOM, percent=50), 20)
    rest = script_words_of(make_fault(FaultMode.RANDOM, percent=50, position=10), 10)

    assert rest == whole[10:]


@pytest.mark.parametrize("percent", [1, 30, 99])
def test_about_the_given_percentage_fails(percent: int) -> None:
    words = script_words_of(make_fault(FaultMode.RANDOM, percent=percent), 5000)

    assert words.count("500") / 50 == pytest.approx(percent, abs=3)


def test_at_a_hundred_percent_every_request_fails() -> None:
    assert set(script_words_of(make_fault(FaultMode.RANDOM, percent=100), 500)) == {"500"}


@pytest.mark.parametrize(
    "fault",
    [
        make_fault(FaultMode.NONE),
        make_fault(FaultMode.STATUS, status=302, location="https://shop.example/moved"),
        make_fault(FaultMode.STATUS, status=503, retry_after=0),
        make_fault(FaultMode.SLOW, seconds=60),
        make_fault(FaultMode.NEVER),
        make_fault(FaultMode.RANDOM, percent=5, seed=0, position=17),
        make_fault(FaultMode.SCRIPT, script="503 drop", position=2),
    ],
    ids=lambda fault: fault.mode,
)
def test_a_fault_is_restored_from_its_document(fault: Fault) -> None:
    assert make_fault(**fault.document()) == fault


@pytest.mark.parametrize(
    ("mode", "given"),
    [
        (FaultMode.STATUS, {}),
        (FaultMode.STATUS, {"status": 299}),
        (FaultMode.STATUS, {"status": 500, "retry_after": 1}),
        (FaultMode.STATUS, {"status": 400, "location": "/"}),
        (FaultMode.STATUS, {"status": 302, "location": "/a b"}),
        (FaultMode.STATUS, {"status": 302, "location": "/\r\nA: b"}),
        (FaultMode.STATUS, {"status": 302, "location": "/" * 201}),
        (FaultMode.SLOW, {}),
        (FaultMode.DROP, {"seconds": 1}),
        (FaultMode.RANDOM, {}),
        (FaultMode.RANDOM, {"percent": 10, "status": 600}),
        (FaultMode.RANDOM, {"percent": 10, "seed": 10**9}),
        (FaultMode.SCRIPT, {"script": "503", "position": -1}),
    ],
)
def test_invalid_parameters_are_refused(mode: FaultMode, given: dict[str, Any]) -> None:
    with pytest.raises(BadFault):
        make_fault(mode, **given)


def test_a_crash_of_the_worker_is_no_word_of_a_script_but_receipts_name_it() -> None:
    crash = parse_recorded_word("crash_worker")

    assert crash == FaultAction(FaultActionKind.CRASH_WORKER)
    assert crash.rejection is None
    assert crash.response_status(200) is None
    assert parse_recorded_word("slow:3") == parse_script_word("slow:3")
    with pytest.raises(BadFault):
        parse_script_word("crash_worker")


def test_only_a_success_becomes_a_500_after_booking() -> None:
    action = FaultAction(FaultActionKind.ACCEPT_THEN_500)

    assert action.rejection is None
    assert action.response_status(200) == 500
    assert action.response_status(401) == 401
