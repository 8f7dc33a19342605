"""The crash of the shop's worker in mission 15, without a demo: nothing is killed here."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from hookshop.worker_crash import crash_request
from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import (
    Client,
    Clock,
    SharedSubscriber,
    remember_subscription,
    running,
)
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver, receipts
from tests.integration.subscriber.sandbox_steps import running_lab
from tests.integration.subscriber.signer import Delivery
from tests.pages import Page, Visitor

MISSION = "/missions/15"
ARMED = "the next purchase is booked, and then the shop’s worker is killed"


@pytest.fixture
async def private(
    settings: Settings, migrated_subscriber_file: Path, shared: SharedSubscriber, clock: Clock
) -> AsyncIterator[Client]:
    """A subscribed application, as in a private demo."""
    shutil.copyfile(migrated_subscriber_file, settings.var / "subscriber.db")
    app = shared.app(settings.model_copy(update={"can_crash_worker": True}))
    async with running(app) as client:
        await remember_subscription(settings, clock())
        await press(client, "start")
        yield client


async def press(client: Client, form: str, **fields: str) -> Page:
    return await Visitor(client).submit(f"{MISSION}/{form}", MISSION, **fields)


async def mission_page(client: Client) -> Page:
    return await Visitor(client).get(MISSION)


async def arm(client: Client) -> None:
    assert (await mission_page(client)).values["action"] == ["crash-worker"]
    assert (await press(client, "actions", action="crash-worker")).status == 303


async def test_an_armed_crash_is_shown_and_can_be_taken_back(
    private: Client, settings: Settings
) -> None:
    await arm(private)
    armed = await mission_page(private)
    assert ARMED in armed.text
    assert armed.values["action"] == ["keep-worker"]

    assert (await press(private, "actions", action="keep-worker")).status == 303

    after = await mission_page(private)
    assert ARMED not in after.text
    assert after.values["action"] == ["crash-worker"]
    assert (await deliver(private)).status_code == 200
    assert not crash_request(settings.var).exists()


async def test_buttons_that_follow_each_other_are_different_forms(private: Client) -> None:
    first = (await mission_page(private)).values["_nonce"]
    await arm(private)
    await press(private, "actions", action="keep-worker")

    assert (await mission_page(private)).values["_nonce"] != first


async def test_only_a_booking_uses_up_the_crash(private: Client, settings: Settings) -> None:
    await deliver(private)
    await arm(private)

    forged = await deliver(private, Delivery(audience="https://elsewhere.example"))
    again = await deliver(private)

    assert (forged.status_code, again.json()["verdict"]) == (401, "duplicate")
    assert {each["fault"] for each in await receipts(private)} == {None}
    assert ARMED in (await mission_page(private)).text
    assert not crash_request(settings.var).exists()


@pytest.mark.parametrize("way", ["respond normally", "another fault", "reset"])
async def test_every_way_back_to_normal_disarms_the_crash(
    way: str, private: Client, settings: Settings
) -> None:
    await arm(private)

    if way == "respond normally":
        await Visitor(private).submit("/faults", MISSION, mode="none")
    elif way == "another fault":
        await private.put("/v1/faults", json={"mode": "script", "script": "200"})
    else:
        await private.post("/v1/sandbox/reset", json={"keep": ["subscription"]})

    assert ARMED not in (await mission_page(private)).text
    assert (await deliver(private)).status_code == 200
    assert not crash_request(settings.var).exists()


async def test_an_armed_crash_stops_other_missions_like_a_fault(private: Client) -> None:
    await arm(private)
    await private.post("/v1/missions/4/start", json={})

    answer = await private.get("/v1/missions/4")

    assert answer.json()["obstacles"] == ["A fault is on: the subscriber fails on purpose."]


async def test_it_is_refused_where_no_demo_kills_the_worker(subscribed: Client) -> None:
    await press(subscribed, "start")

    assert "action" not in (await mission_page(subscribed)).values
    assert (await press(subscribed, "actions", action="crash-worker")).status == 409
    assert (await deliver(subscribed)).status_code == 200


async def test_it_is_refused_in_a_sandbox_of_a_private_demo(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop, can_crash_worker=True) as lab:
        anna = (await lab.make("anna")).client
        for each in (anna, lab.main):
            await press(each, "start")

        assert "action" not in (await mission_page(anna)).values
        assert (await press(anna, "actions", action="crash-worker")).status == 409
        assert (await mission_page(lab.main)).values["action"] == ["crash-worker"]


@pytest.mark.parametrize("token", ["admin_token", "shop_token"])
def test_it_is_impossible_with_a_token(token: str, settings: Settings) -> None:
    private = settings.model_copy(update={"can_crash_worker": True})
    closed = private.model_copy(update={token: SecretStr("correct horse battery")})

    assert private.crash_request == crash_request(settings.var)
    assert closed.crash_request is None
