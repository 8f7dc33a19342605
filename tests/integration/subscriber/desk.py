"""Actions at the attack desk."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from httpx import AsyncClient, Response

from subscriber_app.lab.attacks import Attack
from subscriber_app.receiving.defences import Defence
from tests.pages import Page, read_page


@dataclass(frozen=True, slots=True)
class Result:
    """The result of an attack. ``receipt_id``: of the sent request."""

    receipt_id: str
    page: Page

    @property
    def as_predicted(self) -> bool:
        said = "As predicted" in self.page.text
        assert said != ("Not as predicted" in self.page.text)
        return said

    def __repr__(self) -> str:
        return self.page.text


async def attack(subscriber: AsyncClient, receipt_id: str, kind: Attack) -> Result:
    """Press one of the buttons on a receipt's page, and return the result."""
    return await follow(
        subscriber, await post(subscriber, f"/receipts/{receipt_id}/attacks/{kind.value}")
    )


async def follow(subscriber: AsyncClient, answer: Response) -> Result:
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    page = read_page(await subscriber.get(location))
    assert page.status == 200, page.text
    return Result(location.removeprefix("/attacks/"), page)


async def post(subscriber: AsyncClient, path: str, **fields: str) -> Response:
    """Submit a form with the CSRF token of the pages."""
    if not any("csrf" in name for name in subscriber.cookies):
        await subscriber.get("/defences")
    [token] = [value for name, value in subscriber.cookies.items() if "csrf" in name]
    return await subscriber.post(path, data={"_csrf_token": token, **fields})


async def switch_off(subscriber: AsyncClient, off: Iterable[Defence]) -> None:
    """Switch off exactly these defences."""
    wanted = {each.value: each not in set(off) for each in Defence}
    answer = await subscriber.put("/v1/defences", json=wanted)
    assert answer.json() == wanted


async def verdict_of(subscriber: AsyncClient, receipt_id: str) -> tuple[str, Any]:
    """Return verdict and reason of a receipt."""
    receipt = (await subscriber.get(f"/v1/receipts/{receipt_id}")).json()
    return receipt["verdict"], receipt["reason"]
