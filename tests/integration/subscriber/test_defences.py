"""The defense switches: API, page, and the warning on every page."""

import json

import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.receiving.defences import Defence
from tests.integration.subscriber.conftest import Client, Clock, running
from tests.integration.subscriber.desk import post, switch_off
from tests.integration.subscriber.requests import deliver, receipts, stats
from tests.integration.subscriber.test_pages_all import error_pages, pages
from tests.pages import Visitor

ALL_ON = {each.value: True for each in Defence}
WARNING = "Undefended: Signature check, De-duplication switched off."
TWO = {Defence.SIGNATURE, Defence.DEDUPLICATION}


async def test_all_defences_are_on_by_default(subscriber: Client) -> None:
    assert (await subscriber.get("/v1/defences")).json() == ALL_ON
    assert "Undefended" not in (await Visitor(subscriber).get("/")).text


@pytest.mark.parametrize("off", [set(), {Defence.TOKEN}, set(Defence)])
async def test_a_restart_keeps_the_switches(
    off: set[Defence], subscriber: Client, settings: Settings, clock: Clock
) -> None:
    await switch_off(subscriber, {Defence.RAW_BODY})
    await switch_off(subscriber, off)

    async with running(create_app(settings, now=clock)) as restarted:
        kept = (await restarted.get("/v1/defences")).json()

    assert {name for name, is_on in kept.items() if not is_on} == off


GOOD = json.dumps(ALL_ON)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "[]",
        '{"token":false}',
        GOOD.replace("true", "1", 1),
        GOOD.replace("true", "null", 1),
        GOOD.replace("true", '"true"', 1),
        GOOD.replace("}", ',"luck":true}'),
        GOOD.replace("}", ',"token":false}'),
    ],
)
async def test_an_invalid_document_changes_nothing(body: str, subscriber: Client) -> None:
    answer = await subscriber.put(
        "/v1/defences", content=body, headers={"Content-Type": "application/json"}
    )

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await subscriber.get("/v1/defences")).json() == ALL_ON


async def test_each_defence_is_switched_off_and_on_separately_on_the_page(
    subscriber: Client,
) -> None:
    for each in Defence:
        answer = await post(subscriber, "/defences", defence=each.value, position="off")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/defences"
    assert not any((await subscriber.get("/v1/defences")).json().values())

    await post(subscriber, "/defences", defence="token", position="on")

    now = (await subscriber.get("/v1/defences")).json()
    assert [name for name, is_on in now.items() if is_on] == ["token"]


async def test_one_click_switches_everything_on(subscriber: Client) -> None:
    await switch_off(subscriber, Defence)

    await post(subscriber, "/defences", position="on")

    assert (await subscriber.get("/v1/defences")).json() == ALL_ON


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"position": "off"},
        {"position": "up", "defence": "token"},
        {"position": "off", "defence": "luck"},
        {"position": "off", "defence": "\x00"},
    ],
)
async def test_an_invalid_form_changes_nothing(fields: dict[str, str], subscriber: Client) -> None:
    answer = await post(subscriber, "/defences", **fields)

    assert answer.status_code == 422
    assert (await subscriber.get("/v1/defences")).json() == ALL_ON


async def test_nothing_is_switched_without_the_forms_token(subscriber: Client) -> None:
    await subscriber.get("/")

    answer = await subscriber.post("/defences", data={"defence": "token", "position": "off"})

    assert answer.status_code == 403
    assert (await subscriber.get("/v1/defences")).json() == ALL_ON


async def test_every_page_warns_while_a_defence_is_off(subscribed: Client) -> None:
    await deliver(subscribed)
    await switch_off(subscribed, TWO)

    for path, page in (await pages(subscribed) | await error_pages(subscribed)).items():
        assert WARNING in page.text, path
        assert "/defences" in page.forms or "/defences" in page.links, path


async def test_without_deduplication_a_repeated_message_is_booked_again(subscribed: Client) -> None:
    await switch_off(subscribed, {Defence.DEDUPLICATION})

    for _ in range(3):
        assert (await deliver(subscribed)).json()["verdict"] == "accepted"

    assert (await stats(subscribed))["revenue_cents"] == 3 * 5075
    [newest, *_older] = await receipts(subscribed)
    skipped = {step["name"]: step["detail"] for step in newest["steps"]}
    assert skipped["deduplication"].startswith("Switched off")


async def test_messages_processed_without_deduplication_are_duplicates_when_it_is_on_again(
    subscribed: Client,
) -> None:
    await switch_off(subscribed, {Defence.DEDUPLICATION})
    await deliver(subscribed)
    await switch_off(subscribed, set())

    assert (await deliver(subscribed)).json()["verdict"] == "duplicate"
