"""Everything works without the internet: the demo of all these tests reaches only this machine.

That a browser asks no other host is held by ``watch``, in every test.
"""

import httpx
import pytest

from tests.offline.sitecustomize import NO_INTERNET
from tests.waiting import wait_for


@pytest.mark.parametrize(
    ("url", "error"),
    [("http://93.184.215.14/hook", "connection_reset"), ("http://example.com/hook", "dns_error")],
    ids=["an address", "a name"],
)
def test_the_demo_of_the_tests_cannot_reach_other_machines(
    shop_api: httpx.Client, url: str, error: str
) -> None:
    registered = shop_api.post("/v1/webhooks/register", json={"webhook_url": url}).json()
    shop_api.post(f"/v1/webhooks/{registered['id']}/ping").raise_for_status()
    query = {"endpoint_id": registered["id"]}

    def first_attempt() -> bool:
        (delivery,) = shop_api.get("/v1/deliveries", params=query).json()["data"]
        return bool(delivery["attempt_count"])

    wait_for(first_attempt, "an attempt was made")
    (delivery,) = shop_api.get("/v1/deliveries", params=query).json()["data"]

    assert delivery["last_error"] == error
    assert NO_INTERNET in shop_api.get(f"/deliveries/{delivery['id']}").text
