"""The button of mission 15 kills the worker of a private demo, and nothing is lost."""

from collections.abc import Iterator

import pytest

from tests.demo import Demo, has_ended, running_demo
from tests.pages import Visitor
from tests.programs import async_client, buy, client, wait_until

MISSION = "/missions/15"


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A demo with short leases: they end three seconds after the response timeout."""
    with running_demo(SHOP_REQUEST_TIMEOUT_SECONDS="2") as demo:
        yield demo


async def test_the_worker_is_killed_and_the_purchase_comes_again_but_is_booked_once(
    demo: Demo,
) -> None:
    worker = demo.wait_for("worker")
    async with async_client(demo.subscriber_url) as subscriber:
        learner = Visitor(subscriber)
        await learner.submit(f"{MISSION}/start", MISSION)
        [button] = (await learner.get(MISSION)).values["action"]
        await learner.submit(f"{MISSION}/actions", MISSION, action=button)

        with client(demo.shop_url) as shop:
            delivery = wait_until(shop, buy(shop), "succeeded")

        assert has_ended(worker)
        assert "killing the worker, as mission 15 has asked" in demo.output()
        assert demo.wait_for("worker", other_than=worker)
        sent = {"message_id": delivery["message_id"]}
        receipts = (await subscriber.get("/v1/receipts", params=sent)).json()["data"]
        assert [(each["verdict"], each["status"], each["fault"]) for each in receipts] == [
            ("duplicate", 200, None),
            ("accepted", None, "crash_worker"),
        ]
        mission = (await subscriber.get("/v1/missions/15")).json()
        assert "its worker was killed before it could read" in mission["explanation"][0]
        assert "worker killed" in (await learner.get("/")).text
        assert "not answered" in (await learner.get(f"/receipts/{receipts[1]['id']}")).text
        trace = await learner.get("/story", **sent)
        assert "sent by a worker that was killed" in trace.text
