"""The kit's fault scripts have the words of the subscriber's."""

import pytest

from hookshop.testing.fault_script import MAX_WORDS, BadFault, Fault, Kind, parse_script, parse_word
from subscriber_app.faults import actions

WORDS = [
    *("200", "503", "410", "302", "429:5", "503:0", "429:86400", "slow:1", "slow:60"),
    *("timeout", "drop", "accept_then_500"),
]
NO_WORDS = [
    *("", "banana", "299", "600", "99", "5030", "500:5", "429:86401", "429:", "slow", "slow:0"),
    *("slow:61", "slow:-1", "TIMEOUT", "۵۰۳", "accept_then_501"),
]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_means_what_it_means_to_the_subscriber(word: str) -> None:
    ours, theirs = parse_word(word), actions.parse_script_word(word)

    assert (ours is None) == (theirs is None)
    if ours and theirs:
        assert (ours.word, ours.kind.value) == (theirs.script_word, theirs.kind.value)
        assert (ours.status, ours.retry_after) == (theirs.status, theirs.retry_after)
        assert ours.seconds == theirs.seconds


@pytest.mark.parametrize("word", NO_WORDS)
def test_what_is_no_word_of_the_subscriber_is_none_here(word: str) -> None:
    with pytest.raises(actions.BadFault):
        actions.parse_script_word(word)
    with pytest.raises(BadFault):
        parse_word(word)


@pytest.mark.parametrize("script", ["503,drop", "503 drop", " 503,  drop ,", ("503", "drop")])
def test_spaces_or_commas_separate_words(script: str) -> None:
    assert parse_script(script) == (Fault("503", Kind.STATUS, 503), Fault("drop", Kind.DROP))


@pytest.mark.parametrize("script", ["", " ", ",", " ".join(["503"] * (MAX_WORDS + 1))])
def test_a_script_has_1_to_100_words(script: str) -> None:
    with pytest.raises(BadFault, match="1 to 100 words"):
        parse_script(script)


def test_an_empty_list_is_no_script() -> None:
    with pytest.raises(BadFault, match="1 to 100 words"):
        parse_script([])


def test_an_error_names_the_word_and_lists_the_words() -> None:
    with pytest.raises(BadFault, match=r"'banana' is not a fault. Use 200 .*accept_then_500"):
        parse_script("503 banana")
