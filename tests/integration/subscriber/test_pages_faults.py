"""The switch on the inbox that lets the subscriber fail on purpose."""

from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver
from tests.pages import Visitor


async def current_fault(subscriber: Client) -> dict[str, object]:
    fault: dict[str, object] = (await subscriber.get("/v1/faults")).json()
    return fault


async def test_the_inbox_offers_statuses_to_fail_with(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/")

    assert "Answers to webhooks as they should be" in page.text
    for choice in ("500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"):
        assert choice in page.text
    assert "410" not in page.text  # it would end the subscription for good


async def test_it_fails_as_set_and_says_so_on_the_inbox(subscribed: Client) -> None:
    visitor = Visitor(subscribed)

    page = await visitor.submit("/faults", status="503")

    assert page.status == 303
    assert page.answer.headers["location"] == "/"
    assert "Answers to webhooks 503 on purpose" in (await visitor.get("/")).text
    assert (await deliver(subscribed)).status_code == 503
    assert "rejected simulated_fault" in (await visitor.get("/")).text


async def test_it_goes_back_to_normal(subscribed: Client) -> None:
    visitor = Visitor(subscribed)
    await visitor.submit("/faults", status="503")

    page = await visitor.submit("/faults", status="")

    assert page.status == 303
    assert await current_fault(subscribed) == {"mode": "none"}
    assert (await deliver(subscribed)).status_code == 200
