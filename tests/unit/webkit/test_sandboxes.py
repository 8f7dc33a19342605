from datetime import UTC, datetime

import pytest
from litestar.exceptions import TooManyRequestsException

from hookshop.webkit.sandbox_rules import (
    SandboxRecord,
    is_sandbox_id,
    new_sandbox_id,
    number_in,
    token_hash,
)
from hookshop.webkit.sandboxes import CREATIONS_PER_MINUTE, CreationBrake, why_no_sandbox_serves

TOMORROW = datetime(2026, 12, 1, tzinfo=UTC)


def test_a_new_id_is_allowed_and_cannot_be_guessed() -> None:
    ids = {new_sandbox_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(is_sandbox_id(each) and each.startswith("t-") for each in ids)


@pytest.mark.parametrize("text", ["ab", "main", "Lesson", "a" * 41, "les 7", "les_7", "ärger"])
def test_an_id_that_no_sandbox_may_have(text: str) -> None:
    assert not is_sandbox_id(text)


def test_a_sandbox_is_opened_by_its_own_token_only() -> None:
    sandbox = SandboxRecord("lesson-7", token_hash("secret"), TOMORROW)

    assert sandbox.is_opened_by("secret")
    assert not sandbox.is_opened_by("another")
    assert not SandboxRecord("lesson-7", None, TOMORROW).is_opened_by("")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/s/main/orders", "the sandbox main is at /orders, without /s/main"),
        ("/s/Lesson/orders", "3 to 40 lower-case letters, digits and hyphens"),
        ("/s/lesson-7/s/lesson-8/", "a sandbox has no sandboxes in it"),
        ("/s/lesson-7/metrics", "/metrics is the same for all sandboxes"),
    ],
)
def test_a_prefix_that_leads_nowhere_is_explained(path: str, reason: str) -> None:
    assert reason in (why_no_sandbox_serves(path) or "")


def test_one_address_cannot_make_sandboxes_in_a_loop() -> None:
    now = 0.0
    brake = CreationBrake(lambda: now)
    for _ in range(CREATIONS_PER_MINUTE):
        brake.check("192.0.2.1")

    with pytest.raises(TooManyRequestsException, match="try again in 60 s"):
        brake.check("192.0.2.1")
    brake.check("192.0.2.2")

    now = 61.0
    brake.check("192.0.2.1")


@pytest.mark.parametrize(
    ("cursor", "number"), [("7", 7), ("999999999", 999_999_999), ("2147483648", None), ("", None)]
)
def test_a_cursor_is_a_number_that_every_database_holds(cursor: str, number: int | None) -> None:
    assert number_in(cursor) == number
