"""Each sandbox has an inbox of its own, and sees nothing of the others."""

from tests.fuzzing import routes_of
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.sandbox_steps import Lab, receipts_of
from tests.integration.subscriber.signer import Delivery, purchase
from tests.pages import Visitor, opened, read_page

ENDLESS = "/live"


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
            {
                **ids,
                "attack": "replay",
                "path": "nowhere",
                "name": "nothing",
                "file": "none",
                "guide": "none",
                "page": "none",
            }
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
        shown = (await stream.until("accepted")).answer.text

    assert (await receipts_of(bert))[0]["id"] in shown
    assert (await receipts_of(anna))[0]["id"] not in shown
