"""An exam as a task, as the page and the API of the shop run it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

import shop.exam.run as exam_run
from shop.exam.bench import Bench
from shop.exam.case import NOT_ASKED, Observation, Verdict
from shop.exam.cases import ALL_CASES
from shop.exam.in_process import Examinee, ExamState, RunningExam, ShopAccess
from shop.exam.run import Plan
from shop.exam.scorecard import Result
from shop.exam.selection import Selection
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.demo import Demo
from tests.integration.exam.small_receiver import SECRET, SmallReceiver, running_small_receiver
from tests.waiting import eventually

pytestmark = pytest.mark.one_database("speaks to the shop by HTTP")


@pytest.fixture
def receiver() -> Iterator[SmallReceiver]:
    with running_small_receiver() as receiver:
        yield receiver


@pytest.fixture
def access(demo: Demo) -> ShopAccess:
    return ShopAccess(demo.shop_url, "", UrlPolicy(own_ports=(demo.ports[0],)))


def plan(receiver: SmallReceiver, *only: str) -> Plan:
    return Plan(receiver.url, Selection(only=only))


async def test_the_state_tells_how_far_the_run_has_come(
    access: ShopAccess, receiver: SmallReceiver
) -> None:
    states: list[ExamState] = []
    examinee = Examinee(plan(receiver, "once", "body-bit"), SECRET, receiver.probe_url)

    card = await RunningExam(examinee, access, states.append).run()

    assert (card.result, card.evidence, len(card.results)) == (Result.PASSED, "probe", 4)
    assert {state.playing for state in states} >= {"body-bit", "redelivery", "ten-at-once"}
    counts = [len(state.scorecard.results) for state in states]
    assert counts == sorted(counts)
    document = states[-1].document()
    assert (document["finished"], document["total"], document["playing"]) == (True, 4, None)
    assert document["result"] == "passed"


async def test_ordinary_deliveries_can_be_opened_in_the_log(
    access: ShopAccess, receiver: SmallReceiver
) -> None:
    examinee = Examinee(plan(receiver, "as-sent"), SECRET)

    [result] = (await RunningExam(examinee, access).run()).results

    [url] = result.delivery_urls
    async with httpx.AsyncClient() as client:
        assert (await client.get(url)).status_code == 200


async def test_a_person_gives_the_receiver_the_new_secret(
    access: ShopAccess, receiver: SmallReceiver
) -> None:
    def take_secret(state: ExamState) -> None:
        if "whsec_" in state.request:
            receiver.secrets = [state.request.split()[-1]]

    examinee = Examinee(plan(receiver, "rotates"), SECRET, rotates=True)

    card = await RunningExam(examinee, access, take_secret).run()

    assert receiver.secrets != [SECRET]
    assert card.count(Verdict.PASSED) == 3, card


async def test_without_a_person_the_rest_of_a_rotation_is_not_judged(
    access: ShopAccess, receiver: SmallReceiver
) -> None:
    card = await RunningExam(Examinee(plan(receiver, "rotates"), SECRET), access).run()

    assert (card.count(Verdict.PASSED), card.count(Verdict.NOT_JUDGED)) == (1, 2)


async def test_a_receiver_registers_itself_through_the_exam(
    access: ShopAccess, receiver: SmallReceiver
) -> None:
    exam = RunningExam(Examinee(plan(receiver, "another-secret")), access)
    running = asyncio.create_task(exam.run())
    await eventually(lambda: _request(exam), "the exam waits for the registration")

    answer = await exam.registration.pass_on(
        "POST", "webhooks/register", f'{{"webhook_url": "{receiver.url}"}}'.encode()
    )
    receiver.secrets = [httpx.Response(200, content=answer.body).json()["secret"]]

    assert answer.status == 201
    assert (await running).result is Result.PASSED


async def test_a_canceled_run_keeps_what_it_has(
    access: ShopAccess, receiver: SmallReceiver
) -> None:
    exam = RunningExam(Examinee(Plan(receiver.url), SECRET), access)
    running = asyncio.create_task(exam.run())
    await eventually(lambda: _results(exam), "some cases were played")

    running.cancel()
    card = await running

    assert card.result is Result.STOPPED
    assert 0 < len(card.results) < exam.state.total
    assert exam.state.is_finished


async def test_a_run_ends_when_its_time_is_used_up(
    access: ShopAccess, receiver: SmallReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exam_run, "MAX_RUN_SECONDS", 0)

    card = await RunningExam(Examinee(plan(receiver, "accepts"), SECRET), access).run()

    assert card.was_stopped
    assert {(each.verdict, each.got) for each in card.results} == {(Verdict.ERROR, NOT_ASKED)}


async def test_a_faulty_case_does_not_cost_the_scorecard(
    access: ShopAccess, receiver: SmallReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(_bench: Bench) -> Observation:
        raise KeyError("forgotten")

    cases = [replace(case, play=faulty) if case.name == "charset" else case for case in ALL_CASES]
    monkeypatch.setattr(exam_run, "ALL_CASES", cases)

    card = await RunningExam(Examinee(plan(receiver, "charset", "body-bit"), SECRET), access).run()

    assert [each.verdict for each in card.results] == [Verdict.ERROR, Verdict.PASSED]
    assert "KeyError('forgotten')" in card.results[0].got


async def test_a_shop_that_is_away_is_told(receiver: SmallReceiver, demo: Demo) -> None:
    away = ShopAccess(demo.shop_url.replace("http:", "https:"), "", UrlPolicy())

    card = await RunningExam(Examinee(plan(receiver, "accepts"), SECRET), away).run()

    assert card.result is Result.NOT_REACHED
    assert "does not answer" in card.problem


async def _request(exam: RunningExam) -> str:
    return exam.state.request


async def _results(exam: RunningExam) -> int:
    return len(exam.state.scorecard.results)
