"""A list of every page of both applications, and data for each of them.

Add a new page as a line in ``SHOP`` or ``SUBSCRIBER``: its route, and the addresses to visit. A
name in braces in an address is an id of the ``Scene``.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import httpx
from litestar.handlers import HTTPRouteHandler
from playwright.sync_api import Page, expect

from tests.programs import Document, set_fault, wait_until

LONG_NAME = "W" * 100
WRONG_SECRET = "whsec_" + "AAAA" * 8
FULL_LOG = 51  # rows: one more than fits on a page of a log
LONG_URL = "http://127.0.0.1:9009/" + "w" * 200

SHOP = {
    "/": ["/"],
    "/cart": ["/cart"],
    "/overview": ["/overview"],
    "/flow": ["/flow"],
    "/orders": ["/orders", "/orders?before=ord_00000000000000000000000000000000"],
    "/orders/{order_id:str}": ["/orders/{order}", "/orders/{refunded_order}"],
    "/orders/{order_id:str}/refund": ["/orders/{order}/refund"],
    "/deliveries": ["/deliveries", "/deliveries?state=failed", "/deliveries?q=nowhere"],
    "/deliveries/{delivery_id:str}": ["/deliveries/{delivery}", "/deliveries/{waiting_delivery}"],
    "/deliveries/retry": ["/deliveries/retry"],
    "/endpoints": ["/endpoints"],
    "/endpoints/{endpoint_id:str}": ["/endpoints/{endpoint}", "/endpoints/{paused_endpoint}"],
    "/endpoints/{endpoint_id:str}/edit": ["/endpoints/{paused_endpoint}/edit"],
    "/endpoints/{endpoint_id:str}/delete": ["/endpoints/{paused_endpoint}/delete"],
    "/endpoints/{endpoint_id:str}/recover": ["/endpoints/{endpoint}/recover?period=all"],
    "/endpoints/{endpoint_id:str}/rotate-secret": ["/endpoints/{paused_endpoint}/rotate-secret"],
    "/exam": ["/exam"],
    "/exam/{exam_id:str}": ["/exam/{exam}"],
    "/sandboxes": ["/sandboxes"],
    "/sandboxes/{sandbox_id:str}/drop": ["/sandboxes/{sandbox}/drop"],
    "/reset": ["/reset"],
    "/docs/api": ["/docs/api"],
    "/login": ["/login"],
    "/enter": ["/enter"],
}
SUBSCRIBER = {
    "/learn": ["/learn"],
    "/learn/teaching": ["/learn/teaching"],
    "/learn/teaching/{guide:str}": ["/learn/teaching/python", "/learn/teaching/node"],
    "/learn/docs": ["/learn/docs"],
    "/learn/docs/{page:str}": ["/learn/docs/receivers", "/learn/docs/exam", "/learn/docs/access"],
    "/learn/handouts/{name:str}": ["/learn/handouts/retry", "/learn/handouts/glossary"],
    "/missions": [],  # leads to /learn
    "/missions/{number:str}": ["/missions/2", "/missions/4", "/missions/build-4"],
    "/missions/receiver": ["/missions/receiver"],
    "/missions/reset": ["/missions/reset"],
    "/polling": ["/polling"],
    "/": ["/", "/?verdict=rejected", "/?event_type=purchase.created&q=nowhere"],
    "/receipts/{receipt_id:str}": ["/receipts/{receipt}", "/receipts/{rejected_receipt}"],
    "/receipts/{receipt_id:str}/editor": [
        "/receipts/{receipt}/editor",
        "/receipts/{rejected_receipt}/editor",
    ],
    "/receipts/delete": ["/receipts/delete"],
    "/purchases": ["/purchases"],
    "/attacks/{attack_id:str}": ["/attacks/{attack}"],
    "/defences": ["/defences"],
    "/faults": ["/faults", "/faults?mode=script"],
    "/story": ["/story", "/story?message_id={message}"],
    "/subscription": ["/subscription"],
    "/subscription/delete": ["/subscription/delete"],
    "/sandboxes": ["/sandboxes"],
    "/sandboxes/{sandbox_id:str}/drop": ["/sandboxes/{sandbox}/drop"],
    "/reset": ["/reset"],
    "/docs/api": ["/docs/api"],
    "/login": ["/login"],
    "/enter": ["/enter"],
}
# The routes of pages that sandboxes do not have.
IN_MAIN_ONLY = {"/sandboxes", "/sandboxes/{sandbox_id:str}/drop"}
STREAMS_AND_DOWNLOADS = ("/live", "/har", "/files/{name:str}", "/receivers/{file:str}")
# Error pages: not found, and invalid requests.
SHOP_ERRORS = ["/nowhere", "/orders/ord_nope", "/deliveries?cursor=nonsense"]
SUBSCRIBER_ERRORS = [
    "/nowhere",
    "/receipts/nope",
    "/missions/999",
    "/?verdict=nonsense",
    "/story?message_id=msg_nope",
]


def pages_of_sandboxes(pages: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the part of ``SHOP`` or ``SUBSCRIBER`` that sandboxes have."""
    return {route: paths for route, paths in pages.items() if route not in IN_MAIN_ONLY}


def routes_of_pages(handlers: Iterable[HTTPRouteHandler]) -> set[str]:
    """Return the routes of pages: no streams, no downloads."""
    return {
        path
        for handler in handlers
        for path in handler.paths
        if "GET" in handler.http_methods and not path.endswith(STREAMS_AND_DOWNLOADS)
    }


@dataclass(frozen=True, slots=True)
class Scene:
    """The ids of the test data."""

    order: str
    refunded_order: str
    delivery: str
    waiting_delivery: str
    message: str
    endpoint: str
    paused_endpoint: str
    receipt: str
    rejected_receipt: str
    exam: str
    attack: str = ""
    sandbox: str = ""

    def addresses(self, pages: dict[str, list[str]]) -> list[str]:
        """Return all addresses of ``SHOP`` or ``SUBSCRIBER``, with these ids."""
        return [self.address(each) for some in pages.values() for each in some]

    def address(self, path: str) -> str:
        """Return for example ``/orders/{order}`` with the order's id."""
        return path.format(**asdict(self))


def fill_the_logs(shop: httpx.Client) -> None:
    """Place enough orders for a full page of a log."""
    for _order_id, delivery in [_order(shop, "mug", 1) for _ in range(FULL_LOG)]:
        wait_until(shop, delivery, "succeeded")


def set_the_scene(shop: httpx.Client, subscriber: httpx.Client) -> Scene:
    """Create one of everything, with the longest texts that a page may show."""
    [endpoint] = shop.get("/v1/webhooks").json()["data"]
    wanted = {"webhook_url": LONG_URL, "event_types": ["purchase.shipped"]}
    paused = _post(shop, "/v1/webhooks/register", {**wanted, "description": LONG_NAME})
    shop.patch(f"/v1/webhooks/{paused['id']}", json={"status": "paused"}).raise_for_status()
    set_fault(subscriber, 500)
    order, delivery = _order(shop, "fishing-rod", 99)
    wait_until(shop, delivery, "pending", attempts=1)
    set_fault(subscriber, None)
    _post(shop, f"/v1/deliveries/{delivery}/attempts")
    refunded_order, _delivery = _order(shop, "teapot", 1)
    for step in ("ship", "refund"):
        _post(shop, f"/v1/orders/{refunded_order}/{step}")
    subscriber.post("/v1/new-purchase", content=b"\x00" * 300, headers={"webhook-id": "w" * 90})
    message = wait_until(shop, delivery, "succeeded")["message_id"]
    return Scene(
        order=order,
        refunded_order=refunded_order,
        delivery=delivery,
        waiting_delivery=_first(shop, f"/v1/deliveries?endpoint_id={paused['id']}"),
        message=message,
        endpoint=endpoint["id"],
        paused_endpoint=paused["id"],
        receipt=_first(subscriber, "/v1/receipts?verdict=accepted"),
        exam=_examine_with_a_wrong_secret(shop, endpoint["webhook_url"]),
        rejected_receipt=_first(subscriber, "/v1/receipts?verdict=rejected"),
    )


def _examine_with_a_wrong_secret(shop: httpx.Client, url: str) -> str:
    """Return the id of an exam that fails at once."""
    wanted = {"url": url, "secret": WRONG_SECRET, "only": ["accepts"]}
    exam = _post(shop, "/v1/exams", wanted)["id"]
    finished = shop.get(f"/v1/exams/{exam}?wait=30").json()
    assert finished["result"] == "failed", finished
    return str(exam)


def with_an_attack(scene: Scene, page: Page, subscriber_url: str) -> Scene:
    """Add an attack, which can only be sent from its page."""
    page.goto(f"{subscriber_url}/receipts/{scene.receipt}")
    page.get_by_role("region", name="Attack desk").get_by_role("button").first.click()
    expect(page.get_by_text("As predicted")).to_be_visible()
    return replace(scene, attack=page.url.rpartition("/")[2])


def _order(shop: httpx.Client, product_id: str, quantity: int) -> tuple[str, str]:
    """Return the ids of a new order and of its delivery."""
    items = [{"product_id": product_id, "quantity": quantity}]
    order = _post(shop, "/v1/orders", {"items": items, "customer_name": LONG_NAME})
    return order["id"], order["delivery_ids"][0]


def with_a_sandbox(scene: Scene, shop: httpx.Client, subscriber: httpx.Client) -> Scene:
    """Add a sandbox of both applications, with a long name."""
    made = _post(shop, "/v1/sandboxes", {"id": "w" * 40})
    wanted = {"id": made["id"], "shop_url": made["base_url"], "subscribe": False}
    return replace(scene, sandbox=str(_post(subscriber, "/v1/sandboxes", wanted)["id"]))


def _post(api: httpx.Client, path: str, body: Document | None = None) -> Document:
    answer = api.post(path, json=body or {})
    assert answer.is_success, answer.text
    document: Document = answer.json()
    return document


def _first(api: httpx.Client, path: str) -> str:
    return str(api.get(path).raise_for_status().json()["data"][0]["id"])
