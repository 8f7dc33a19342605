"""A reset empties a sandbox and changes no other one."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from tests.integration.subscriber.conftest import Clock
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.sandbox_steps import Lab, Learner, receipts_of, running_lab
from tests.pages import Visitor, opened


@pytest.fixture
async def used(lab: Lab) -> Learner:
    """A sandbox in which everything has been changed."""
    anna = await lab.make("anna")
    receipt_id = (await anna.receive())["receipt_id"]
    await Visitor(anna.client).submit(
        f"receipts/{receipt_id}/attacks/replay", f"receipts/{receipt_id}"
    )
    await anna.client.put("v1/faults", json={"mode": "status", "status": 503})
    await anna.client.patch("v1/defences", json={"signature": False})
    return anna


async def test_a_reset_sandbox_is_empty(used: Learner, lab: Lab) -> None:
    answer = await used.client.post("v1/sandbox/reset")

    assert (answer.status_code, answer.json()) == (200, {"kept": []})
    assert await receipts_of(used) == []
    stats = (await used.client.get("v1/stats")).json()
    assert stats["purchases"] == stats["revenue_cents"] == 0
    assert stats["counted_since"] is None
    assert (await used.client.get("v1/faults")).json() == {"mode": "none"}
    assert all((await used.client.get("v1/defences")).json().values())
    assert "No purchases yet" in (await used.client.get("purchases")).text
    assert "Not subscribed" in (await used.client.get("subscription")).text
    assert lab.shop.endpoints == {}


async def test_a_reset_may_keep_the_subscription(used: Learner) -> None:
    answer = await used.client.post("v1/sandbox/reset", json={"keep": ["subscription"]})

    assert answer.json() == {"kept": ["subscription"]}
    assert await receipts_of(used) == []
    await used.receive()  # the same message is new again
    assert [each["verdict"] for each in await receipts_of(used)] == ["accepted"]


async def test_a_reset_changes_no_other_sandbox(used: Learner, lab: Lab) -> None:
    bert = await lab.make("bert")
    await bert.receive()

    await used.client.post("v1/sandbox/reset")

    assert len(await receipts_of(bert)) == 1
    assert "Unsubscribe" in (await lab.main.get("/subscription")).text


async def test_main_can_be_reset_and_keeps_its_sandboxes(lab: Lab) -> None:
    await lab.make("anna")
    await deliver(lab.main)

    await lab.main.post("/v1/sandbox/reset")

    assert (await lab.main.get("/v1/receipts")).json()["data"] == []
    assert await lab.exists("anna")


async def test_a_reset_works_while_the_shop_does_not_respond(used: Learner, lab: Lab) -> None:
    lab.shop.answers["DELETE"] = (503, b"{}")

    answer = await used.client.post("v1/sandbox/reset")

    assert answer.status_code == 200
    assert "Not subscribed" in (await used.client.get("subscription")).text


async def test_open_pages_show_a_reset_at_once(used: Learner) -> None:
    async with opened(used.client, "receipts/live") as stream:
        assert "Failing on purpose" in (await stream.next_message()).text
        await used.client.post("v1/sandbox/reset")
        shown = await stream.until("Not subscribed yet")

    assert "No webhooks" in shown.text or "Not subscribed" in shown.text


class Interrupting(Clock):
    """A clock that calls ``then`` when it is read next."""

    then: Callable[[], None] | None = None

    def __call__(self) -> datetime:
        then, self.then = self.then, None
        if then:
            then()
        return self.now


async def test_a_webhook_that_is_being_verified_during_a_reset_leaves_no_receipt(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    interrupting = Interrupting(clock.now)
    async with running_lab(tmp_path, interrupting, shop) as lab:
        interrupting.then = lab.sandboxes.main.inbox.refuse_what_is_under_way
        answer = await deliver(lab.main)
        receipts = (await lab.main.get("/v1/receipts")).json()["data"]
        again = await deliver(lab.main)

    assert (answer.status_code, receipts) == (503, [])
    assert answer.headers["retry-after"] == "1"
    assert again.json()["verdict"] == "accepted"


async def test_a_word_that_cannot_be_kept_is_refused(used: Learner) -> None:
    answer = await used.client.post("v1/sandbox/reset", json={"keep": ["receipts"]})

    assert answer.status_code == 400
    assert len(await receipts_of(used)) == 2
