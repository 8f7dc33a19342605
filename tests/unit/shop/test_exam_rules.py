"""Which cases a run plays, what its first answer means, and what the evidence may say."""

import pytest

from shop.exam.case import Level, Mission, Scheme
from shop.exam.cases import ALL_CASES
from shop.exam.evidence import BadEvidence, EffectCalls, parse_effects, parse_state
from shop.exam.opening import explain_first_answer, explain_no_connection
from shop.exam.selection import Selection, UnknownName
from shop.exam.terminal import case_list
from shop.exam.wire import Answer
from shop.vocabulary import AttemptError
from tests.documents import ROOT, anchors, page

URL = "http://127.0.0.1:9000/hook"
SHOULDS = {
    "body-20-kb",
    "chunked",
    "charset",
    "body-5-mb",
    "twenty-p95",
    "refund-before-purchase",
    "shipped-after-refunded",
}


def names(selection: Selection) -> set[str]:
    return {case.name for case in selection.of(ALL_CASES)}


def test_no_two_cases_have_one_name() -> None:
    assert len({case.name for case in ALL_CASES}) == len(ALL_CASES)


def test_the_docs_have_the_cases_of_the_list() -> None:
    rows = [row.split(" | ") for row in page("exam").splitlines() if row.startswith("| ")]
    documented = [
        (row[0][2:], row[1].split("`")[1], row[2], row[5].removesuffix(" |"))
        for row in rows
        if len(row) == 6 and "`" in row[1]
    ]

    assert documented == [
        (case.group, case.name, case.level, str(case.mission.value)) for case in ALL_CASES
    ]
    listed = case_list(ALL_CASES).splitlines()
    assert [tuple(line.split()[:3]) for line in listed] == [row[:3] for row in documented]


def test_each_mission_that_is_named_teaches_a_case() -> None:
    assert {case.mission for case in ALL_CASES} == set(Mission)


@pytest.mark.parametrize("link", sorted({case.docs for case in ALL_CASES}))
def test_each_case_leads_to_a_section_of_the_docs(link: str) -> None:
    path, _, anchor = link.partition("#")

    assert not anchor or anchor in anchors((ROOT / path).read_text())


def test_all_but_a_few_cases_are_musts() -> None:
    assert {case.name for case in ALL_CASES if case.level is Level.SHOULD} == SHOULDS


def test_a_scheme_leaves_out_what_the_receiver_does_not_check() -> None:
    assert "token-year" not in names(Selection())
    assert "signature-hex" not in names(Selection(Scheme.TOKEN))
    assert {"token-year", "signature-hex"} < names(Selection(Scheme.BOTH))


def test_only_and_skip_take_cases_and_groups() -> None:
    once = {"redelivery", "ten-at-once", "same-id-other-body"}

    assert names(Selection(only=("once", "body-bit"))) == {*once, "body-bit"}
    assert names(Selection(only=("once",), skip=("redelivery",))) == once - {"redelivery"}
    assert names(Selection(only=("mission-7",))) == once
    assert "nothing-lost" not in names(Selection(is_quick=True))


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(UnknownName, match="'bodybit'"):
        names(Selection(skip=("bodybit",)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401), "the secret is probably not that of the receiver"),
        (Answer(308, headers=(("location", "/hook/"),)), "redirects to /hook/"),
        (Answer(404, headers=(("content-type", "text/html"),)), "a web site"),
        (Answer(405), "check the path"),
        (Answer(500), "crashed on the first genuine delivery"),
        (Answer(error=AttemptError.RESPONSE_TIMEOUT), "within 10 s"),
    ],
)
def test_the_first_answer_is_explained(answer: Answer, words: str) -> None:
    assert words in explain_first_answer(URL, answer, Scheme.STANDARD)


def test_a_receiver_that_is_not_there_is_explained() -> None:
    def explained(error: AttemptError) -> str:
        return explain_no_connection(URL, Answer(error=error, detail="why"))

    assert "nobody listens" in explained(AttemptError.CONNECTION_REFUSED)
    assert "check the certificate" in explained(AttemptError.TLS_ERROR)
    assert "does not resolve" in explained(AttemptError.DNS_ERROR)


def test_evidence_tells_times_and_value() -> None:
    assert parse_effects(b'{"times": 1, "value": 50.75}', "probe").value == 50.75
    assert parse_effects(b'{"times": 0}', "probe").times == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"<html>",
        b"{}",
        b'{"times": true}',
        b'{"times": -1}',
        b'{"times": "1"}',
        b"[" * 9999,
    ],
)
def test_evidence_that_is_no_evidence_is_not_used(raw: bytes) -> None:
    with pytest.raises(BadEvidence):
        parse_effects(raw, "probe")


def test_an_order_has_one_of_three_states_or_none() -> None:
    assert parse_state(b'{"state": "refunded"}', "probe") == "refunded"
    assert parse_state(b'{"state": null}', "probe") is None
    with pytest.raises(BadEvidence):
        parse_state(b'{"state": "done"}', "probe")


async def test_effect_calls_are_counted_by_message() -> None:
    calls = EffectCalls()
    for body in (b'{"message_id": "msg_1", "value": 2}', b'{"message_id": "msg_1"}'):
        calls.record(body)

    assert (await calls.read("msg_1")).times == 2
    assert (await calls.read("msg_2")).times == 0
    with pytest.raises(ValueError, match="the body must be"):
        calls.record(b"[]")
