"""Somebody who does missions by the pages and APIs of a pair of sandboxes, without a browser."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.e2e.pair import Pair
from tests.programs import Document, client
from tests.waiting import wait_for

WAIT_SECONDS = 20
FINGERPRINT = re.compile(r"\b[0-9a-f]{16}\b")
_TOKEN = re.compile(r'name="_csrf_token" value="([^"]+)"')


class Learner:
    """``shop``, ``subscriber``: clients for the two sandboxes. ``counts_from``: see ``Pair``."""

    def __init__(self, shop: httpx.Client, subscriber: httpx.Client, counts_from: int) -> None:
        self._counts_from = counts_from
        self.shop = shop
        self.subscriber = subscriber

    # Missions

    def start(self, number: int | str) -> None:
        self.submit(f"/missions/{number}/start", seen_on=f"/missions/{number}")

    def answer(self, number: int | str, question: str, answer: str) -> None:
        page = f"/missions/{number}"
        self.submit(f"{page}/answers", seen_on=page, question=question, answer=answer)

    def mission(self, number: int | str, **query: Any) -> Document:
        """Return the mission, judged now."""
        document: Document = (
            self.subscriber.get(f"/v1/missions/{number}", params=query).raise_for_status().json()
        )
        return document

    def finish(self, number: int | str) -> Document:
        """Wait until the mission is done, and return it."""
        mission = self.mission(number, wait=WAIT_SECONDS)
        assert mission["satisfied"], mission
        return mission

    def missing(self, number: int | str) -> str:
        """Return the nearest miss."""
        return str(self.mission(number)["missing"])

    def wait_for(self, number: int | str, missing: str) -> None:
        """Wait until this is the nearest miss, which the mission's page shows, too."""
        found = ""
        for _ in range(WAIT_SECONDS):
            found = self.missing(number)
            if found == missing:
                break
            self.mission(number, wait=1)
        assert found == missing, f"found: {found}"
        assert missing in self.page(f"/missions/{number}")

    def act(self, number: int | str, action: str) -> None:
        """Press a button of the mission's own."""
        page = f"/missions/{number}"
        self.submit(f"{page}/actions", seen_on=page, action=action)

    def show_hint(self, number: int | str, hint: int) -> None:
        """Show the next hint, which is the ``hint``-th."""
        page = f"/missions/{number}"
        self.submit(f"{page}/hint", seen_on=page, hint=str(hint))

    # What the shop does

    def buy(self, product_id: str = "fishing-rod", *, settled: bool = True) -> Document:
        """Order one product, and wait until its webhook has been delivered or has failed."""
        items = [{"product_id": product_id, "quantity": 1}]
        order = self.shop.post("/v1/orders", json={"items": items}).raise_for_status().json()
        if settled:
            query: dict[str, str | int] = {"wait_for": "settled", "wait": WAIT_SECONDS, "strict": 1}
            path = f"/v1/orders/{order['id']}"
            order = self.shop.get(path, params=query).raise_for_status().json()
        document: Document = order
        return document

    def skip(self, seconds: float) -> None:
        """Skip time in the shop, and wait until everything on the way has ended."""
        body = {"seconds": seconds}
        self.shop.post("/v1/clock/advance", json=body).raise_for_status()
        query: dict[str, str | int] = {"wait": 60, "strict": 1}
        self.shop.get("/v1/clock", params=query, timeout=70).raise_for_status()

    def wait_for_counting(self) -> None:
        """Wait until the subscriber counts money: at a whole second."""
        wait_for(lambda: time.time() >= self._counts_from, "the subscriber counts money")

    def wait_for_clock(self) -> None:
        """Wait until all time is skipped, for the shop and the subscriber."""
        query: dict[str, str | int] = {"wait": 60, "strict": 1}
        self.subscriber.get("/v1/clock", params=query, timeout=70).raise_for_status()

    def settle(self) -> None:
        """Wait until the shop has nothing more to send."""
        query: dict[str, str | int] = {"level": "settled", "wait": WAIT_SECONDS, "strict": 1}
        self.shop.get("/v1/quiescence", params=query).raise_for_status()

    # What the subscriber does

    def wait_for_receipts(self, **query: str | int) -> None:
        """Wait until this many receipts match."""
        query |= {"wait": WAIT_SECONDS, "strict": 1}
        self.subscriber.get("/v1/receipts", params=query).raise_for_status()

    def receipt_of(self, order: Document) -> str:
        """Return the accepted receipt of an order."""
        query: dict[str, str | int] = {"order_id": order["id"], "verdict": "accepted"}
        query |= {"wait": WAIT_SECONDS, "strict": 1}
        found = self.subscriber.get("/v1/receipts", params=query).raise_for_status().json()
        return str(found["data"][0]["id"])

    def attack(self, receipt_id: str, attack: str) -> str:
        """Use the attack desk on a receipt's page; return the id of the new receipt."""
        page = f"/receipts/{receipt_id}"
        answer = self.submit(f"{page}/attacks/{attack}", seen_on=page)
        return answer.headers["location"].rpartition("/")[2]

    def switch(self, defence: str, *, on: bool) -> None:
        """Switch a defense."""
        self.subscriber.patch("/v1/defences", json={defence: on}).raise_for_status()

    def script(self, words: str) -> None:
        """Set a script of faults."""
        fault = {"mode": "script", "script": words}
        self.subscriber.put("/v1/faults", json=fault).raise_for_status()

    # Pages

    def page(self, path: str) -> str:
        """Return the HTML of a page."""
        return self.subscriber.get(path).raise_for_status().text

    def fill(self, path: str, **fields: str) -> str:
        """Send a form that answers with its page; return the HTML."""
        token = _TOKEN.search(self.page(path))
        assert token, path
        data = {"_csrf_token": token[1], **fields}
        return self.subscriber.post(path, data=data).raise_for_status().text

    def submit(self, path: str, *, seen_on: str, **fields: str | list[str]) -> httpx.Response:
        """Send a form of a page."""
        token = self.form_token(seen_on)
        answer = self.subscriber.post(path, data={"_csrf_token": token, **fields})
        assert answer.status_code == 303, answer.text
        return answer

    def form_token(self, path: str) -> str:
        """Return what the forms of a page must send along."""
        token = _TOKEN.search(self.page(path))
        assert token, path
        return token[1]


@contextmanager
def learner_in(pair: Pair) -> Iterator[Learner]:
    """Yield somebody who works in this pair of sandboxes."""
    with client(pair.shop_url) as shop, client(pair.subscriber_url) as subscriber:
        shop.timeout = subscriber.timeout = httpx.Timeout(WAIT_SECONDS + 10)
        yield Learner(shop, subscriber, pair.counts_from)
