"""A browser without JavaScript for tests of the pages: reads HTML, keeps cookies, submits forms."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from httpx import Response
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.integration.shop.conftest import Clock, Engine

STATIC = Path(__file__).parents[3] / "static"
HEAVIEST_PAGE = 150_000  # bytes

Shop = AsyncTestClient[Litestar]

SCRIPT = "<script>alert(1)</script>"
EXPRESSION = "{{7*7}}"
HOSTILE_NAME = f"{SCRIPT} {EXPRESSION} \"'&amp;"


@dataclass(slots=True)
class Page:
    """A page as a reader finds it. ``text``: all that is between tags, white space collapsed."""

    answer: Response
    text: str = ""
    links: dict[str, str] = field(default_factory=dict)  # the text of each address
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # by field
    ticked: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)  # the actions
    scripts: list[str] = field(default_factory=list)  # the sources; "" for an inline one

    @property
    def status(self) -> int:
        return self.answer.status_code


class Visitor:
    """Visits the shop; ``submit`` sends a form as our pages do, with the token they carry."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def get(self, path: str, **query: str) -> Page:
        return read_page(await self.shop.get(path, params=query or None, follow_redirects=False))

    async def submit(self, path: str, **fields: Any) -> Page:
        token = (await self.get("/")).values["_csrf_token"][0]
        answer = await self.shop.post(
            path, data={"_csrf_token": token, **fields}, follow_redirects=False
        )
        return read_page(answer)


def read_page(answer: Response) -> Page:
    """Take the answer's HTML apart."""
    reader = _Reader(Page(answer))
    reader.feed(answer.text)
    reader.page.text = " ".join(" ".join(reader.pieces).split())
    return reader.page


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self.page = page
        self.pieces: list[str] = []
        self._link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "a":
            self._link = attributes["href"]
            self.page.links[self._link] = ""
        elif tag == "form":
            self.page.forms.append(attributes["action"])
        elif tag == "script":
            self.page.scripts.append(attributes.get("src", ""))
        elif tag == "input":
            self.page.values[attributes["name"]].append(attributes["value"])
            if "checked" in attributes:
                self.page.ticked.append(attributes["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = ""

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
        if self._link:
            self.page.links[self._link] += data


def first_load(page: Page) -> int:
    """Bytes of the page and of all that a browser fetches for it, uncompressed."""
    parts = set(re.findall(r'(?:src|href)="/static/([^"]+)"', page.answer.text))
    total: int = len(page.answer.content) + sum((STATIC / part).stat().st_size for part in parts)
    return total


async def register(shop: Shop, url: str = "http://127.0.0.1:9001/hook", **body: Any) -> str:
    """The id of a new endpoint."""
    answer = await shop.post("/v1/webhooks/register", json={"webhook_url": url, **body})
    assert answer.status_code == 201, answer.text
    endpoint_id: str = answer.json()["id"]
    return endpoint_id


async def order(shop: Shop, customer_name: str = "Ada") -> dict[str, Any]:
    """A new order for one mug, as the API shows it."""
    body = {"items": [{"product_id": "mug", "quantity": 1}], "customer_name": customer_name}
    answer = await shop.post("/v1/orders", json=body)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def order_count(shop: Shop) -> int:
    count: int = (await shop.get("/v1/stats")).json()["orders"]
    return count


async def new_delivery(shop: Shop, url: str = "http://127.0.0.1:9001/hook") -> str:
    """The id of a delivery that is due, of a new endpoint and a new order."""
    await register(shop, url)
    delivery_id: str = (await order(shop))["delivery_ids"][0]
    return delivery_id


async def state(shop: Shop, delivery_id: str) -> str:
    found: str = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["state"]
    return found


async def fail_attempts(shop: Shop, engine: Engine, clock: Clock, times: int) -> None:
    """Have that many attempts fail, each of a new delivery; twenty open the circuit breaker."""
    placed = [await order(shop) for _ in range(times)]
    clock.catch_up()
    for one in placed:
        await engine.deliver(limit=len(one["delivery_ids"]))


async def attempt(engine: Engine, clock: Clock) -> None:
    """Make the next attempt of the delivery that has waited longest, whenever it is due."""
    clock.pass_seconds(100)
    await engine.deliver()
