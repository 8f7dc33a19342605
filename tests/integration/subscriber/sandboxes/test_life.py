"""Sandboxes are listed, expire and are dropped, and many of them are hardly a burden."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from subscriber_app.database.models import Sandbox
from subscriber_app.open_parts import OpenParts
from tests.integration.subscriber.conftest import Clock
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.sandbox_steps import Lab, receipts_of, running_lab
from tests.integration.subscriber.signer import Delivery, purchase
from tests.metrics import Scrape
from tests.pages import opened
from tests.waiting import eventually

# The list


async def test_sandboxes_are_listed_newest_first_page_by_page(lab: Lab) -> None:
    for id_ in ("anna", "bert", "carl"):
        await lab.make(id_)

    first = (await lab.main.get("/v1/sandboxes", params={"limit": 2})).json()
    rest = (await lab.main.get("/v1/sandboxes", params={"cursor": first["next_cursor"]})).json()

    assert [each["id"] for each in first["data"]] == ["carl", "bert"]
    assert [each["id"] for each in rest["data"]] == ["anna"]
    assert rest["next_cursor"] is None
    assert (await lab.main.get("/v1/sandboxes", params={"cursor": "x"})).status_code == 400


async def test_a_sandbox_can_be_given_more_time(lab: Lab, clock: Clock) -> None:
    await lab.make("anna", expires_in_seconds=60)

    changed = await lab.main.patch("/v1/sandboxes/anna", json={"expires_in_seconds": 3600})
    clock.pass_seconds(61)

    assert changed.status_code == 200
    assert await lab.exists("anna")


async def test_sandboxes_outlive_a_restart(tmp_path: Path, clock: Clock, shop: FakeShop) -> None:
    async with running_lab(tmp_path, clock, shop) as lab:
        await (await lab.make("anna")).receive()
    async with running_lab(tmp_path, clock, shop, is_restarted=True) as lab:
        kept = (await lab.main.get("/s/anna/v1/receipts")).json()["data"]

    assert [each["verdict"] for each in kept] == ["accepted"]


# Dropping


async def test_a_dropped_sandbox_is_gone_at_once_and_unsubscribed_in_the_background(
    lab: Lab,
) -> None:
    anna, bert = await lab.make("anna"), await lab.make("bert")

    answer = await lab.main.delete("/v1/sandboxes/anna")
    after = await anna.client.get("v1/receipts")
    webhook = await deliver(anna.client)

    assert answer.status_code == 204
    assert (after.status_code, webhook.status_code) == (404, 404)
    assert "POST /v1/sandboxes" in after.json()["detail"]
    assert (await lab.main.delete("/v1/sandboxes/anna")).status_code == 404

    async def is_removed() -> bool:
        return lab.files() == {"bert.db"} and len(lab.shop.endpoints) == 1

    await eventually(is_removed, "database and endpoint are removed")
    assert [*lab.shop.endpoints] == [bert.made["endpoint_id"]]
    assert not [path for path in lab.folder.iterdir() if path.name.startswith("anna")]


async def test_dropping_ends_the_streams_of_the_sandbox_only(lab: Lab) -> None:
    anna, bert = await lab.make("anna"), await lab.make("bert")

    async with (
        opened(anna.client, "receipts/live") as of_anna,
        opened(bert.client, "receipts/live") as of_bert,
    ):
        await of_anna.next_message()
        await of_bert.next_message()
        await lab.main.delete("/v1/sandboxes/anna")
        await of_anna.until_it_ends()
        await bert.receive("msg_of_bert")
        shown = await of_bert.until("accepted")

    assert (await receipts_of(bert))[0]["id"] in shown.answer.text


async def test_a_request_that_is_under_way_when_its_sandbox_is_dropped_ends_and_writes_nothing(
    lab: Lab,
) -> None:
    anna = await lab.make("anna")
    await anna.client.put("v1/faults", json={"mode": "slow", "seconds": 60})
    held = asyncio.create_task(deliver(anna.client, Delivery(secret=anna.secret)))

    async def is_held() -> bool:
        return bool(await receipts_of(anna))

    await eventually(is_held, "the response is held back")
    await lab.main.delete("/v1/sandboxes/anna")
    answer = await held

    assert answer.status_code in {200, 401}  # long before the 60 s
    again = await lab.make("anna")
    assert await receipts_of(again) == []


async def test_an_id_can_be_used_again_at_once(lab: Lab) -> None:
    anna = await lab.make("anna")
    await anna.receive()

    await lab.main.delete("/v1/sandboxes/anna")
    again = await lab.make("anna")

    assert await receipts_of(again) == []
    await again.receive()


async def test_an_expired_sandbox_is_not_served_and_then_dropped(lab: Lab, clock: Clock) -> None:
    anna = await lab.make("anna", expires_in_seconds=60)

    clock.now += timedelta(seconds=60)
    served = await anna.client.get("v1/receipts")
    listed = (await lab.main.get("/v1/sandboxes")).json()["data"]
    await lab.sandboxes.sweep()

    async def is_removed() -> bool:
        return not lab.files()

    assert (served.status_code, listed) == (404, [])
    await eventually(is_removed, "the database is removed")


async def test_what_a_killed_process_left_of_a_dropped_sandbox_is_removed_at_the_start(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop) as lab:
        await lab.make("anna")
        (lab.folder / "bert.db").write_bytes((lab.folder / "anna.db").read_bytes())
    async with running_lab(tmp_path, clock, shop, is_restarted=True) as lab:
        assert lab.files() == {"anna.db"}


# Many


async def test_only_a_few_of_many_sandboxes_are_open(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop) as lab:
        lab.sandboxes.open_parts = OpenParts(max_open=3)
        learners = [await lab.make(f"learner-{number}") for number in range(8)]
        for learner in learners:
            await learner.receive()

        assert len(lab.sandboxes.open_parts) == 3
        for learner in learners:
            assert len(await receipts_of(learner)) == 1


async def test_a_thousand_idle_sandboxes_keep_no_file_and_no_task_open(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop, max_sandboxes=2000) as lab:
        lab.sandboxes.open_parts = open_parts = OpenParts(max_open=5, max_idle_seconds=0)
        await lab.make("anna")
        await open_parts.close()
        before = usage(lab)
        for number in range(1000):
            await lab.sandboxes.add(sandbox(f"learner-{number}", clock))
        for number in range(0, 1000, 25):
            assert (await lab.main.get(f"/s/learner-{number}/v1/stats")).status_code == 200
        busy = usage(lab)
        await lab.sandboxes.sweep()
        await open_parts.close()
        after = usage(lab)

    assert len(busy.files - before.files) <= 10 * 5
    assert after.files <= before.files
    assert after.tasks <= before.tasks


@dataclass(frozen=True, slots=True)
class Usage:
    """``files``: the open files of sandboxes. ``tasks``: of the event loop."""

    files: set[str]
    tasks: int


def usage(lab: Lab) -> Usage:
    opened = {each.path for each in psutil.Process().open_files()}
    return Usage(
        {each for each in opened if each.startswith(str(lab.folder))}, len(asyncio.all_tasks())
    )


def sandbox(id_: str, clock: Clock) -> Sandbox:
    return Sandbox(
        id=id_,
        shop_url="http://127.0.0.1:1",
        encrypted_shop_token=None,
        token_hash=None,
        created_at=clock(),
        expires_at=clock() + timedelta(days=1),
    )


async def test_a_stream_keeps_its_sandbox_open_however_many_others_there_are(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop) as lab:
        lab.sandboxes.open_parts = OpenParts(max_open=1)
        anna = await lab.make("anna")
        async with opened(anna.client, "receipts/live") as stream:
            await stream.next_message()
            for id_ in ("bert", "carl"):
                await (await lab.make(id_)).receive()
            await anna.receive("msg_of_anna")
            shown = await stream.until("accepted")

    assert "rcp_" in shown.answer.text


async def test_sandboxes_that_nobody_uses_are_closed(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop) as lab:
        lab.sandboxes.open_parts = OpenParts(max_idle_seconds=0)
        anna = await lab.make("anna")

        await lab.sandboxes.sweep()

        assert len(lab.sandboxes.open_parts) == 0
        await anna.receive()


async def test_the_metrics_are_sums_over_all_sandboxes_open_or_not(lab: Lab) -> None:
    lab.sandboxes.open_parts = OpenParts(max_open=1)
    for id_ in ("anna", "bert", "carl"):
        await (await lab.make(id_)).receive(body=purchase(10))
    first = Scrape(await lab.main.get("/metrics"))

    await (await lab.make("dora")).receive(body=purchase(10))
    await lab.main.delete("/v1/sandboxes/anna")
    second = Scrape(await lab.main.get("/metrics"))

    accepted = "hookshop_subscriber_receipts{reason=,verdict=accepted}"
    revenue, sandboxes = "hookshop_subscriber_revenue_cents", "hookshop_subscriber_sandboxes"
    assert (first[accepted], first[revenue], first[sandboxes]) == (3, 3000, 3)
    assert (second[accepted], second[revenue], second[sandboxes]) == (3, 3000, 3)
