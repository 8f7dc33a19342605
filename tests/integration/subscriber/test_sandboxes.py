"""Sandboxes: each has an inbox of its own, and sees nothing of the others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from subscriber_app.database.models import Sandbox
from subscriber_app.open_parts import OpenParts
from tests.fuzzing import routes_of
from tests.integration.subscriber.conftest import Clock
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.sandbox_steps import BEARER, TOKEN, Lab, Learner, running_lab
from tests.integration.subscriber.signer import Delivery, purchase
from tests.metrics import Scrape
from tests.pages import Visitor, opened, read_page
from tests.waiting import eventually

ENDLESS = "/live"


@pytest.fixture
async def lab(tmp_path: Path, clock: Clock, shop: FakeShop) -> AsyncIterator[Lab]:
    async with running_lab(tmp_path, clock, shop) as lab:
        yield lab


async def receipts_of(learner: Learner) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await learner.client.get("v1/receipts")).json()["data"]
    return listed


# Making


async def test_a_new_sandbox_is_subscribed_and_receives_webhooks(lab: Lab) -> None:
    anna = await lab.make("anna", shop_url=f"{lab.shop.url}/s/annas-shop")

    await anna.receive()

    url = f"{lab.main.base_url}/s/anna"
    assert anna.made["base_url"] == url
    assert anna.made["receiver_url"] == f"{url}/v1/new-purchase"
    assert anna.made["token"] is None
    assert [each["verdict"] for each in await receipts_of(anna)] == ["accepted"]
    assert ("POST", "/s/annas-shop/v1/webhooks/register") in lab.shop.calls


async def test_without_an_id_a_sandbox_gets_one_that_nobody_can_guess(lab: Lab) -> None:
    made = (await lab.post()).json()

    assert made["id"].startswith("t-")
    assert len(made["id"]) == 12


async def test_a_sandbox_may_be_made_without_a_subscription(lab: Lab) -> None:
    made = (await lab.post(subscribe=False)).json()

    assert made["endpoint_id"] is None
    assert lab.shop.endpoints == {}


@pytest.mark.parametrize("id_", ["main", "anna"])
async def test_an_id_that_is_taken_is_refused(id_: str, lab: Lab) -> None:
    await lab.make("anna")

    answer = await lab.post(id=id_)

    assert answer.status_code == 409
    assert f"'{id_}' is taken" in answer.json()["detail"]


@pytest.mark.parametrize("id_", ["ab", "Anna", "a_b", "a" * 41, "../../x", "ann\u00e4"])
async def test_a_word_that_is_no_id_is_refused(id_: str, lab: Lab) -> None:
    answer = await lab.post(id=id_)

    assert answer.status_code == 422
    assert "3 to 40 lower-case letters" in answer.json()["detail"]
    assert lab.files() == set()


async def test_beyond_the_limit_no_sandbox_is_made(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop, max_sandboxes=1) as lab:
        await lab.make("anna")

        answer = await lab.post(id="bert")

    assert answer.status_code == 409
    assert "SUBSCRIBER_MAX_SANDBOXES" in answer.json()["detail"]


async def test_two_who_want_the_same_id_at_once_get_one_sandbox(lab: Lab) -> None:
    answers = await asyncio.gather(*(lab.post(id="anna") for _ in range(4)))

    assert sorted(each.status_code for each in answers) == [201, 409, 409, 409]


async def test_if_the_shop_refuses_no_sandbox_is_made(lab: Lab) -> None:
    lab.shop.answers["POST"] = (422, b'{"detail": "this URL is not allowed"}')

    answer = await lab.post(id="anna")

    assert answer.status_code == 502
    assert "this URL is not allowed" in answer.json()["detail"]
    assert not await lab.exists("anna")


# Which shop


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ("{shop}", ""),
        ("{shop}/", ""),
        ("{shop}/s/a-shop", "/s/a-shop"),
        ("{shop}/s/a-shop/", "/s/a-shop"),
        ("HTTP://127.0.0.1:{port}/s/a-shop", "/s/a-shop"),
        ("http://shop.example/s/a-shop", "/s/a-shop"),  # the public URL, as the shop names it
        ("http://SHOP.example.:80/s/a-shop", "/s/a-shop"),
    ],
)
async def test_a_sandbox_belongs_to_the_shop_of_the_settings(
    given: str, called: str, lab: Lab
) -> None:
    await lab.make("anna", shop_url=given.format(shop=lab.shop.url, port=lab.shop.port))

    assert [path for method, path in lab.shop.calls if method == "POST"] == [
        f"{called}/v1/webhooks/register"
    ]


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://127.0.0.1:{port}@evil.example/",
        "http://evil.example/http://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://user@127.0.0.1:{port}",
        "{shop}/admin",
        "{shop}/s/a-shop/v1",
        "{shop}/s/../admin",
        "{shop}/s/a-shop?x=1",
        "{shop}\\@evil.example",
        "{shop} ",
        "http://shop.example:99999/s/a-shop",
        "file:///etc/passwd",
        "",
    ],
)
async def test_the_subscriber_is_not_led_to_call_anything_else(given: str, lab: Lab) -> None:
    shop_url = given.format(shop=lab.shop.url, port=lab.shop.port)

    answer = await lab.post(id="anna", shop_url=shop_url)

    assert answer.status_code == 422
    assert lab.shop.url in answer.json()["detail"]
    assert lab.shop.count("POST") == 0
    assert not await lab.exists("anna")


async def test_the_token_of_the_shops_sandbox_is_sent_and_stored_encrypted(lab: Lab) -> None:
    await lab.make("anna", shop_token="a secret of the shop")

    assert "Bearer a secret of the shop" in lab.shop.authorizations
    for path in filter(Path.is_file, lab.settings.var.rglob("*")):
        assert b"a secret of the shop" not in path.read_bytes()


# Apart from each other


async def test_each_sandbox_has_its_own_receipts_counters_fault_and_defences(lab: Lab) -> None:
    anna, bert = await lab.make("anna"), await lab.make("bert")

    await anna.receive(body=purchase(50.75))
    await anna.client.put("v1/faults", json={"mode": "status", "status": 503})
    await anna.client.patch("v1/defences", json={"signature": False})

    for other in (bert.client, lab.main):
        assert (await other.get("v1/receipts")).json()["data"] == []
        assert (await other.get("v1/stats")).json()["revenue_cents"] == 0
        assert (await other.get("v1/faults")).json() == {"mode": "none"}
        assert (await other.get("v1/defences")).json()["signature"] is True
        assert "Failing on purpose" not in (await other.get("subscription")).text
    assert "Failing on purpose" in (await anna.client.get("subscription")).text
    assert (await anna.client.get("v1/stats")).json()["revenue_cents"] == 5075


async def test_a_webhook_for_another_sandbox_is_rejected(lab: Lab) -> None:
    anna, bert = await lab.make("anna"), await lab.make("bert")

    answer = await deliver(
        bert.client, Delivery(secret=anna.secret, audience=anna.made["receiver_url"])
    )

    assert answer.json()["reason"] == "signature_mismatch"
    assert await receipts_of(anna) == []


async def test_no_route_of_a_sandbox_shows_anything_of_another(lab: Lab) -> None:
    anna, bert = await lab.make("anna"), await lab.make("bert")
    receipt_id = (await anna.receive("msg_of_anna", body=purchase(order_id="ord_of_anna")))[
        "receipt_id"
    ]
    page = await Visitor(anna.client).submit(
        f"receipts/{receipt_id}/attacks/replay", f"receipts/{receipt_id}"
    )
    attack_id = page.answer.headers["location"].rpartition("/")[2]
    ids = {"receipt_id": receipt_id, "attack_id": attack_id, "sandbox_id": "anna", "number": "99"}
    private = (receipt_id, attack_id, "msg_of_anna", "ord_of_anna", anna.made["endpoint_id"])
    seen = 0

    for route in routes_of(lab.app, ("GET", "POST", "PUT", "PATCH", "DELETE")):
        if route.path.startswith(("/static", "/v1/sandboxes", "/metrics", "/healthz")):
            continue
        if route.path.startswith("/sandboxes"):  # only in main, whatever the ids
            assert (await bert.client.request(route.method, "sandboxes")).status_code in {403, 404}
            continue
        path = route.path.replace(":str}", "}").format_map(
            {**ids, "attack": "replay", "path": "nowhere", "name": "nothing", "file": "none"}
        )
        if route.path.endswith(ENDLESS) and not path.startswith(("/story", "/missions")):
            async with opened(bert.client, path.removeprefix("/")) as stream:
                text = (await stream.next_message()).answer.text
            status = 200
        else:
            answer = await bert.client.request(
                route.method,
                path.removeprefix("/"),
                params={"message_id": "msg_of_anna"} if path.startswith("/story") else None,
                json={} if route.path.startswith("/v1/") and route.method != "GET" else None,
            )
            text, status = f"{answer.headers}{answer.text}", answer.status_code
        if "{" in route.path and route.method == "GET" and "path}" not in path:
            assert status == 404, (route, status)
        found = [each for each in private if each in text.replace(path, "")]
        assert not found or status == 404, (route, found)
        seen += 1
    assert seen > 40
    assert len(await receipts_of(anna)) == 2


async def test_a_search_finds_only_what_is_in_the_sandbox(lab: Lab) -> None:
    anna, bert = await lab.make("anna"), await lab.make("bert")
    await anna.receive("msg_of_anna")

    found = await bert.client.get("v1/receipts", params={"q": "msg_of_anna"})

    assert found.json()["data"] == []


async def test_receipts_are_found_by_the_order_that_their_body_names(lab: Lab) -> None:
    anna = await lab.make("anna")
    await anna.receive("msg_1", body=purchase(order_id="ord_1"))
    await anna.receive("msg_2", body=purchase(order_id="ord_2"))
    await anna.client.put("v1/faults", json={"mode": "status", "status": 503})
    await deliver(anna.client, Delivery(message_id="msg_3", body=purchase(order_id="ord_2")))

    found = (await anna.client.get("v1/receipts", params={"order_id": "ord_2"})).json()["data"]

    assert [each["verdict"] for each in found] == ["rejected", "accepted"]
    assert {each["order_id"] for each in found} == {"ord_2"}


async def test_downloads_links_and_documents_name_the_urls_of_the_sandbox(lab: Lab) -> None:
    anna = await lab.make("anna", shop_url=f"{lab.shop.url}/s/annas-shop")
    answer = await deliver(
        anna.client, Delivery(secret=anna.secret, audience=anna.made["receiver_url"])
    )
    receipt_id = answer.json()["receipt_id"]

    har = (await anna.client.get(f"receipts/{receipt_id}/har")).json()
    openapi = (await anna.client.get("schema/openapi.json")).json()
    of_main = (await lab.main.get("/schema/openapi.json")).json()
    page = read_page(await anna.client.get(""))

    assert har["log"]["entries"][0]["request"]["url"] == anna.made["receiver_url"]
    assert f"/s/anna/receipts/{receipt_id}" in answer.headers["link"]
    assert [each["url"] for each in openapi["servers"]] == ["/s/anna"]
    assert [each["url"] for each in of_main["servers"]] == ["/"]
    assert f"{lab.shop.url}/s/annas-shop/" in page.links
    assert f"{lab.shop.url}/" not in page.links


async def test_a_stream_shows_only_what_happens_in_its_sandbox(lab: Lab) -> None:
    anna, bert = await lab.make("anna"), await lab.make("bert")

    async with opened(bert.client, "receipts/live") as stream:
        await stream.next_message()
        await anna.receive("msg_of_anna")
        await bert.receive("msg_of_bert")
        shown = (await stream.next_message()).answer.text

    assert (await receipts_of(bert))[0]["id"] in shown
    assert (await receipts_of(anna))[0]["id"] not in shown


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
        shown = await of_bert.next_message()

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
            shown = await stream.next_message()

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


# Resetting


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


# Access


async def test_with_an_admin_token_a_sandbox_has_a_token_of_its_own(
    tmp_path: Path, clock: Clock, shop: FakeShop
) -> None:
    async with running_lab(tmp_path, clock, shop, admin_token=TOKEN) as lab:
        refused = await lab.post(id="anna")
        lab.main.headers.update(BEARER)
        anna, bert = await lab.make("anna"), await lab.make("bert")
        del lab.main.headers["Authorization"]
        own = {"Authorization": f"Bearer {anna.made['token']}"}

        assert refused.status_code == 401
        assert (await anna.client.get("v1/receipts")).status_code == 401
        assert (await anna.client.get("v1/receipts", headers=own)).status_code == 200
        assert (await anna.client.get("v1/receipts", headers=BEARER)).status_code == 200
        assert (await bert.client.get("v1/receipts", headers=own)).status_code == 401
        assert (await lab.main.get("/v1/receipts", headers=own)).status_code == 401
        assert (await lab.main.get("/v1/sandboxes", headers=own)).status_code == 401
        await anna.receive()  # webhooks need no token
