"""The receivers of docs/teaching: each step passes its mission, and not yet the next one."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from shop.exam.case import Need, Scheme, Verdict
from shop.exam.cases import ALL_CASES
from shop.exam.in_process import Examinee, RunningExam, ShopAccess
from shop.exam.run import Plan
from shop.exam.scorecard import Scorecard
from shop.exam.selection import Selection
from shop.webhooks.rules.signing import LiveSecret, SignedContent, generate_secret, signing_headers
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.demo import Demo
from tests.receivers.running import Receiver
from tests.receivers.steps import LANGUAGES, Step, running_step, step_after, steps_of, why_not

EXAMS_AT_ONCE = 6  # they wait more than they compute
SECRET = generate_secret()
NEEDS_ITS_PROCESS = {Need.RUN, Need.NEW_SECRET}
NOT_NOW, POISON = 9, 17
STEPS = [
    pytest.param(step, id=f"{language}-{step.path.stem}")
    for language in LANGUAGES
    for step in steps_of(language)
]
Verdicts = dict[str, Verdict]

pytestmark = pytest.mark.one_database("is about receivers")


def cases_of(mission: int) -> set[str]:
    """Return the cases that a mission teaches, without those that restart the receiver."""
    return {
        case.name
        for case in ALL_CASES
        if case.mission == mission
        and Scheme.STANDARD in case.schemes
        and not case.needs & NEEDS_ITS_PROCESS
    }


def cases_of_next(step: Step) -> set[str]:
    """Return the cases of the mission that the next step of this language solves."""
    later = [each.mission for each in steps_of(step.language) if each.mission > step.mission]
    return cases_of(later[0]) if later else set()


@pytest.fixture(scope="module")
def exams(demo: Demo) -> Iterator[dict[Step, Future[Verdicts]]]:
    """Start the exams of all steps."""
    access = ShopAccess(demo.shop_url, "", UrlPolicy(own_ports=demo.ports))
    pool = ThreadPoolExecutor(EXAMS_AT_ONCE)
    here = [step for each in LANGUAGES if not why_not(each) for step in steps_of(each)]
    yield {step: pool.submit(examine, step, access) for step in here}
    pool.shutdown(cancel_futures=True)


def examine(step: Step, access: ShopAccess) -> Verdicts:
    """Play the cases of this mission and of the next one."""
    names = cases_of(step.mission) | cases_of_next(step)
    if not names:
        return {}
    with running_step(step, SECRET) as receiver:
        plan = Plan(receiver.url, Selection(only=tuple(sorted(names))))
        probe_url = receiver.url.replace("/hook", "/effects")
        card = asyncio.run(play(Examinee(plan, SECRET, probe_url), access))
    return {result.case.name: result.verdict for result in card.results}


async def play(examinee: Examinee, access: ShopAccess) -> Scorecard:
    return await RunningExam(examinee, access).run()


@pytest.mark.parametrize("step", STEPS)
def test_a_step_passes_its_mission_and_not_all_of_the_next(
    step: Step, exams: dict[Step, Future[Verdicts]]
) -> None:
    if reason := why_not(step.language):
        pytest.skip(reason)
    verdicts, next_cases = exams[step].result(), cases_of_next(step)

    assert {name: verdicts[name] for name in cases_of(step.mission)} == dict.fromkeys(
        cases_of(step.mission), Verdict.PASSED
    )
    assert not next_cases or {verdicts[name] for name in next_cases} != {Verdict.PASSED}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_closed_makes_a_receiver_say_not_now(language: str) -> None:
    with running_step(step_after(language, NOT_NOW), SECRET) as receiver:
        closed = receiver.log.parent / "closed"
        closed.write_text("503\n")
        refused = send(receiver)
        closed.unlink()
        accepted = send(receiver)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "7")
    assert accepted.status_code == 204


def send(receiver: Receiver) -> httpx.Response:
    body = b'{"event":{"type":"purchase.created","value":50.75,"order_id":"ord_1"}}'
    content = SignedContent("msg_1", int(time.time()), body)
    live = [LiveSecret("sec_1", SECRET)]
    headers = signing_headers(content, live, issuer="http://shop", audience=receiver.url)
    json_headers = headers | {"Content-Type": "application/json"}
    with httpx.Client(trust_env=False) as sender:
        return sender.post(receiver.url, content=body, headers=json_headers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receiver_needs_a_secret_to_verify_with(language: str) -> None:
    step = step_after(language, POISON)

    with pytest.raises(AssertionError, match="Set WEBHOOK_SECRET"), running_step(step, ""):
        pass
