"""Rotating an endpoint's secret on its page: confirmed first, and shown only once."""

import re
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from tests.integration.shop.browsing import SCRIPT, Shop, attempt, order
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Page, Visitor
from tests.receiver import Receiver

pytestmark = pytest.mark.one_database("its statements run in the tests of the API")

SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")
NAME = re.compile(r"sec_[0-9a-f]{32}")


async def register(shop: Shop, url: str = "http://127.0.0.1:9001/hook") -> tuple[str, str]:
    """Register an endpoint; return its id and secret."""
    answer = await shop.post("/v1/webhooks/register", json={"webhook_url": url})
    return answer.json()["id"], answer.json()["secret"]


async def names(shop: Shop, endpoint_id: str) -> list[str]:
    """Return the public names of the live secrets on the endpoint's page."""
    return NAME.findall((await Visitor(shop).get(f"/endpoints/{endpoint_id}")).text)


async def test_rotating_asks_first_for_the_grace_and_says_what_happens(shop: Shop) -> None:
    endpoint_id, _secret = await register(shop)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}/rotate-secret")

    assert page.values["grace"] == ["none", "hour", "day", "week"]
    assert page.ticked == ["day"]
    assert "The next page shows the new secret once" in page.text
    assert NAME.findall(page.text) == await names(shop, endpoint_id)
    assert len(await names(shop, endpoint_id)) == 1


@pytest.mark.parametrize(
    ("grace", "old_one_still_signs"),
    [("none", False), ("hour", True), ("day", True), ("week", True)],
)
async def test_the_new_secret_is_shown_once_and_signs(
    grace: str,
    old_one_still_signs: bool,
    shop: Shop,
    engine: Engine,
    clock: Clock,
    receiver: Receiver,
) -> None:
    endpoint_id, old = await register(shop, receiver.url)

    page = await Visitor(shop).submit(f"/endpoints/{endpoint_id}/rotate-secret", grace=grace)
    await order(shop)
    await attempt(engine, clock)

    assert page.status == 201
    assert page.answer.headers["cache-control"] == "no-store"
    [new] = SECRET.findall(page.text)
    assert new != old
    assert signed_by(receiver, new)
    assert signed_by(receiver, old) is old_one_still_signs
    assert len(await names(shop, endpoint_id)) == 1 + old_one_still_signs


def signed_by(receiver: Receiver, secret: str) -> bool:
    """Return whether the newest request has a signature by this secret."""
    request = receiver.requests[-1]
    moment = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
    signature = Webhook(secret).sign(request.headers["webhook-id"], moment, request.body.decode())
    return signature in request.headers["webhook-signature"].split(" ")


async def test_each_live_secret_is_listed_with_its_end(shop: Shop) -> None:
    endpoint_id, _secret = await register(shop)
    visitor = Visitor(shop)
    [first] = await names(shop, endpoint_id)

    rotated = await visitor.submit(f"/endpoints/{endpoint_id}/rotate-secret", grace="hour")
    page = await visitor.get(f"/endpoints/{endpoint_id}")

    [until] = re.findall(r"old secret until ([0-9: -]+ UTC)", rotated.text)
    newest, oldest = NAME.findall(page.text)
    assert oldest == first
    assert page.text.index("it is rotated") < page.text.index(oldest) < page.text.index(until)
    assert newest not in {first, ""}


async def rotate_to_five(shop: Shop, endpoint_id: str) -> list[str]:
    """Rotate to five live secrets; return their public names, newest first."""
    for _ in range(4):
        await Visitor(shop).submit(f"/endpoints/{endpoint_id}/rotate-secret", grace="day")
    return await names(shop, endpoint_id)


async def test_with_five_live_secrets_the_page_offers_to_end_the_oldest_and_says_what_follows(
    shop: Shop,
) -> None:
    endpoint_id, _secret = await register(shop)
    assert (
        "five live secrets"
        not in (await Visitor(shop).get(f"/endpoints/{endpoint_id}/rotate-secret")).text
    )
    live = await rotate_to_five(shop, endpoint_id)

    page = await Visitor(shop).get(f"/endpoints/{endpoint_id}/rotate-secret")

    assert len(live) == 5
    assert "This endpoint has five live secrets, the maximum." in page.text
    assert "A receiver that knows only this secret then rejects every request" in page.text
    assert f"End the oldest secret now: {live[-1]}" in page.text
    assert page.values["replace_oldest"] == ["yes"]
    assert page.ticked == ["day"]


async def test_a_sixth_live_secret_needs_the_tick_and_keeps_the_chosen_grace(shop: Shop) -> None:
    endpoint_id, _secret = await register(shop)
    live = await rotate_to_five(shop, endpoint_id)

    page = await Visitor(shop).submit(f"/endpoints/{endpoint_id}/rotate-secret", grace="hour")

    assert page.status == 409
    assert "The secret was not rotated." in page.text
    assert "Select this box, or choose no grace period." in page.text
    assert page.ticked == ["hour"]
    assert await names(shop, endpoint_id) == live


async def test_the_tick_ends_the_oldest_secret(shop: Shop) -> None:
    endpoint_id, _secret = await register(shop)
    live = await rotate_to_five(shop, endpoint_id)

    page = await Visitor(shop).submit(
        f"/endpoints/{endpoint_id}/rotate-secret", grace="day", replace_oldest="yes"
    )

    assert page.status == 201
    assert (await names(shop, endpoint_id))[1:] == live[:-1]
    assert NAME.findall(page.text) == (await names(shop, endpoint_id))[:1]


@pytest.mark.parametrize("grace", ["", "3600", "-1", "forever", SCRIPT, "\x00", "NONE"])
async def test_a_grace_that_is_not_offered_rotates_nothing(grace: str, shop: Shop) -> None:
    endpoint_id, _secret = await register(shop)
    before = await names(shop, endpoint_id)

    page = await Visitor(shop).submit(f"/endpoints/{endpoint_id}/rotate-secret", grace=grace)

    assert page.status == 422
    assert "Choose a grace period." in page.text
    assert "The secret was not rotated." in page.text
    assert not SECRET.search(page.text)
    assert all(page.scripts)
    assert await names(shop, endpoint_id) == before


async def test_no_other_page_and_no_log_line_shows_the_new_secret(
    shop: Shop,
    engine: Engine,
    clock: Clock,
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    endpoint_id, _old = await register(shop, receiver.url)
    visitor = Visitor(shop)
    rotated = await visitor.submit(f"/endpoints/{endpoint_id}/rotate-secret", grace="none")
    [secret] = SECRET.findall(rotated.text)
    placed = await order(shop)
    await attempt(engine, clock)

    pages: list[Page] = [
        await visitor.get(path)
        for path in (
            "/endpoints",
            f"/endpoints/{endpoint_id}",
            f"/endpoints/{endpoint_id}/edit",
            f"/endpoints/{endpoint_id}/rotate-secret",
            f"/endpoints/{endpoint_id}/recover",
            f"/endpoints/{endpoint_id}/delete",
            "/deliveries",
            f"/deliveries/{placed['delivery_ids'][0]}",
            f"/orders/{placed['id']}",
        )
    ]

    assert receiver.requests
    for written in (caplog.text, *(page.answer.text for page in pages)):
        assert written
        assert secret.removeprefix("whsec_").rstrip("=") not in written
