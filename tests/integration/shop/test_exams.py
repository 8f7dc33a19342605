"""The exam's page and API, without a run: what is refused, and how runs of the past are shown."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from hookshop.webkit.times import utc_now
from shop.config import Settings
from shop.database.transactions import Database
from shop.exam.case import CaseResult, Verdict
from shop.exam.reports import as_document
from shop.exam.stored import scorecard_of
from tests.integration.shop.browsing import Shop
from tests.integration.shop.exams import CASES, URL, exam_run, scorecard, store
from tests.pages import Visitor

SECRET = "whsec_" + "AAAA" * 8
VALID = {"url": URL, "secret": SECRET}


@pytest.fixture
def visitor(shop: Shop) -> Visitor:
    return Visitor(shop)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": "ftp://127.0.0.1/hook"}, "url: it must begin with http:"),
        ({"url": "http://169.254.169.254/hook"}, "url: "),
        ({"secret": "hunter2"}, "secret: a secret is whsec_"),
        ({"probe_url": "nowhere"}, "probe_url: it must begin with http:"),
        ({"only": ["no-such-case"]}, "no case, group or mission 'no-such-case'"),
        ({"only": ["accepts"], "skip": ["accepts"]}, "no case is left"),
    ],
)
async def test_an_exam_that_cannot_be_is_refused_with_the_reason(
    wrong: dict[str, Any], says: str, shop: Shop
) -> None:
    answer = await shop.post("/v1/exams", json=VALID | wrong)

    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert (await shop.get("/v1/exams")).json()["data"] == []


async def test_the_form_says_what_to_change_and_does_not_show_the_secret_again(
    visitor: Visitor,
) -> None:
    page = await visitor.submit("/exam", url="nowhere", secret=SECRET, scheme="token")

    assert page.status == 422
    assert "It must begin with http:" in page.text
    assert page.values["url"] == ["nowhere"]
    assert SECRET not in page.answer.text


async def test_only_one_exam_at_a_time_is_under_way_in_a_sandbox(
    shop: Shop, database: Database, visitor: Visitor
) -> None:
    await store(database, exam_run(alive_until=utc_now() + timedelta(minutes=1)))

    refused = await shop.post("/v1/exams", json=VALID)
    page = await visitor.submit("/exam", **VALID)

    assert (refused.status_code, page.status) == (409, 409)
    assert "stop it, or wait" in refused.json()["detail"]
    assert "stop it, or wait" in page.text


async def test_a_run_whose_process_has_ended_is_stopped_and_blocks_nobody(
    shop: Shop, database: Database
) -> None:
    exam_id = await store(database, exam_run(alive_until=utc_now() - timedelta(seconds=1)))

    found = (await shop.get(f"/v1/exams/{exam_id}")).json()
    started = await shop.post("/v1/exams", json=VALID)

    assert (found["finished"], found["satisfied"]) == (True, True)
    assert "start it again" in found["problem"]
    assert started.status_code == 202


async def test_a_finished_run_is_shown_with_its_failures_first(
    database: Database, visitor: Visitor
) -> None:
    exam_id = await store(database, exam_run())

    start, page = await visitor.get("/exam"), await visitor.get(f"/exam/{exam_id}")

    assert f"/exam/{exam_id}" in start.links
    assert "1 passed, 1 failed (probe)." in page.text
    assert page.text.index("What failed") < page.text.index("Accepts what is genuine")
    assert "curl --data x" in page.text
    assert CASES["body-bit"].why in page.text


async def test_what_was_not_judged_is_never_shown_as_passed(
    database: Database, visitor: Visitor
) -> None:
    unknown = CaseResult(CASES["redelivery"], Verdict.NOT_JUDGED, "no evidence")
    passed = CaseResult(CASES["as-sent"], Verdict.PASSED, "204")
    card = scorecard(passed, unknown, evidence="status only")
    exam_id = await store(database, exam_run(card))

    page = await visitor.get(f"/exam/{exam_id}")
    badge = await visitor.get(f"/exam/{exam_id}/files/badge.svg")

    assert 'data-state="passed-status-only"' in page.answer.text
    assert "Side effects were not judged" in page.text
    assert "passed (status only)" in badge.answer.text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("scorecard.json", "application/json"),
        ("junit.xml", "application/xml"),
        ("badge.svg", "image/svg+xml"),
    ],
)
async def test_a_scorecard_can_be_downloaded(
    name: str, kind: str, shop: Shop, database: Database
) -> None:
    exam_id = await store(database, exam_run())

    answer = await shop.get(f"/exam/{exam_id}/files/{name}")

    assert answer.headers["content-type"].partition(";")[0] == kind
    assert "body-bit" in answer.text or name == "badge.svg"


async def test_unknown_exams_and_files_are_not_found(shop: Shop, database: Database) -> None:
    exam_id = await store(database, exam_run())

    for path in ("/exam/exm_none", f"/exam/{exam_id}/files/passwd", "/v1/exams/exm_none"):
        assert (await shop.get(path)).status_code == 404


async def test_effects_after_the_end_are_refused(shop: Shop, database: Database) -> None:
    exam_id = await store(database, exam_run())

    answer = await shop.post(f"/v1/exams/{exam_id}/effects", json={"message_id": "msg_1"})

    assert answer.status_code == 409


async def test_exams_are_listed_in_pages_newest_first(shop: Shop, database: Database) -> None:
    ids = [await store(database, exam_run()) for _ in range(3)]

    first = (await shop.get("/v1/exams?limit=2")).json()
    second = (await shop.get(f"/v1/exams?limit=2&cursor={first['next_cursor']}")).json()

    assert [each["id"] for each in (*first["data"], *second["data"])] == ids[::-1]
    assert second["next_cursor"] is None


@pytest.mark.parametrize(
    "card",
    [
        scorecard(),
        replace(scorecard(), problem="the exam was stopped", was_stopped=True, is_strict=True),
        replace(scorecard(), problem="nobody listens", was_reached=False),
    ],
)
def test_a_stored_scorecard_is_the_one_that_was_stored(card: Any) -> None:
    read = scorecard_of(as_document(card))

    assert as_document(read) == as_document(card)
    assert read.headline == card.headline


async def test_a_shop_that_does_not_reach_itself_says_so(shop: Shop, settings: Settings) -> None:
    started = (await shop.post("/v1/exams", json=VALID)).json()

    found = (await shop.get(f"/v1/exams/{started['id']}?wait=30")).json()

    assert found["result"] == "not reached"
    assert settings.local_url in found["problem"]
