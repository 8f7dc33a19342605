"""The exam finds what is wrong with a receiver, and nothing else. Right receivers pass it."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from shop.exam.scorecard import ExitCode
from shop.webhooks.rules.signing import generate_secret
from tests.demo import running_demo
from tests.receivers.examining import (
    OUR_SUBSCRIBER,
    STOCK,
    Examined,
    examine,
    examine_running,
    examine_step,
)
from tests.receivers.manifest import RIGHT, WRONG
from tests.receivers.running import running, why_not
from tests.receivers.steps import LANGUAGES, step_after

EXAMS_AT_ONCE = 6  # each waits more than it computes
OUT_OF_ORDER, LAST_MISSION = 11, 17
NEEDS_A_NEW_SECRET = {"old-secret-rejected", "new-secret-accepted"}
Matrix = dict[str, Future[Examined]]

pytestmark = pytest.mark.one_database("is about receivers")


@pytest.fixture(scope="module")
def shop_url() -> Iterator[str]:
    """Return the address of the shop of all exams. Each makes a sandbox of its own."""
    with running_demo() as demo:
        yield demo.shop_url


@pytest.fixture(scope="module")
def matrix(shop_url: str) -> Iterator[Matrix]:
    """Start the exams of all wrong receivers."""
    pool = ThreadPoolExecutor(EXAMS_AT_ONCE)
    yield {
        name: pool.submit(
            examine,
            f"wrong/{name}",
            *("--shop", shop_url, "--scheme", wrong.scheme, "--only", *wrong.asked),
            has_probe=wrong.needs_probe,
        )
        for name, wrong in WRONG.items()
    }
    pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_receiver_fails_the_cases_of_its_mistake_alone(name: str, matrix: Matrix) -> None:
    examined = matrix[name].result()

    assert examined.names("failed") == WRONG[name].fails, examined.output
    assert not examined.names("error", "not judged"), examined.output


def test_a_right_receiver_passes_a_quick_exam(shop_url: str) -> None:
    examined = examine("right/plain", "--quick", "--strict", "--shop", shop_url)

    assert examined.exit_code == ExitCode.PASSED, examined.output
    assert not examined.names("failed", "error", "not judged")


def test_a_stock_receiver_passes_an_exam_with_default_options(shop_url: str) -> None:
    examined = examine(STOCK, "--quick", "--shop", shop_url, has_probe=False)

    assert examined.exit_code == ExitCode.PASSED, examined.output
    assert examined.names("failed") == {"body-5-mb"}  # a should
    assert examined.names("not judged") == {"redelivery", "ten-at-once", "same-id-other-body"}


def test_a_receiver_that_ends_fails_one_case_and_is_asked_no_more(shop_url: str) -> None:
    with running("wrong/dies_on_junk", generate_secret()) as receiver:
        examined = examine_running(receiver, "--only", "survives", "--shop", shop_url)

    assert examined.exit_code == ExitCode.FAILED
    assert examined.names("failed") == {"signed-junk"}
    assert "signed-empty" in examined.names("error")
    assert f"Nobody listens at {receiver.url} since the case signed-junk." in examined.output


@pytest.mark.long
@pytest.mark.parametrize(("name", "scheme"), RIGHT.items())
def test_a_right_receiver_passes_the_whole_exam(name: str, scheme: str) -> None:
    if reason := why_not(name):
        pytest.skip(reason)

    examined = examine(name, "--strict", "--require-effects", "--scheme", scheme)

    assert examined.exit_code == ExitCode.PASSED, examined.output
    # Our subscriber registers itself, so the exam cannot restart it with another secret.
    not_judged = NEEDS_A_NEW_SECRET if name == OUR_SUBSCRIBER else set()
    assert examined.names("error", "not judged") == not_judged


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_receiver_of_a_learner_loses_work_in_a_crash_before_mission_15(language: str) -> None:
    examined = examine_step(step_after(language, OUT_OF_ORDER), "--only", "crashes")

    assert "nothing-lost" in examined.names("failed"), examined.output


@pytest.mark.long
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_receiver_of_a_learner_passes_the_whole_exam_in_the_end(language: str) -> None:
    examined = examine_step(step_after(language, LAST_MISSION), "--strict", "--require-effects")

    assert examined.exit_code == ExitCode.PASSED, examined.output
    assert not examined.names("failed", "error", "not judged")
