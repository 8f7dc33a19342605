"""Exams of the past, for tests."""

from datetime import datetime, timedelta

from hookshop.webkit.times import utc_now
from shop.database.models import ExamRun
from shop.database.transactions import Database
from shop.exam.case import CaseResult, Scheme, Verdict
from shop.exam.cases import ALL_CASES
from shop.exam.in_process import ExamState
from shop.exam.scorecard import Scorecard
from shop.ids import new_id

URL = "http://127.0.0.1:9000/hook"
CASES = {case.name: case for case in ALL_CASES}


def scorecard(*results: CaseResult, evidence: str = "probe") -> Scorecard:
    """Return a scorecard of a receiver that accepts a forgery, or one with these results."""
    delivered = ("http://shop.example/deliveries/dlv_1",)
    found = results or (
        CaseResult(CASES["as-sent"], Verdict.PASSED, "204", delivery_urls=delivered),
        CaseResult(CASES["body-bit"], Verdict.FAILED, "204: a forgery", sent=("curl --data x",)),
    )
    return Scorecard(URL, Scheme.STANDARD, evidence, 7, "0.1.0", results=found, seconds=1.5)


def exam_run(card: Scorecard | None = None, *, alive_until: datetime | None = None) -> ExamRun:
    """Return a run that has finished, or one that is played until then."""
    now, card = utc_now(), card or scorecard()
    state = ExamState(card, total=len(card.results), is_finished=alive_until is None)
    return ExamRun(
        id=new_id("exm", now),
        url=card.url,
        started_at=now - timedelta(seconds=2),
        alive_until=alive_until or now,
        finished_at=None if alive_until else now,
        state=state.document(),
    )


async def store(database: Database, run: ExamRun) -> str:
    """Store a run in the bound sandbox, and return its id."""
    exam_id = run.id
    async with database.writing() as session:
        session.add(run)
    return exam_id
