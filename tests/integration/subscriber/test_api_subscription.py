"""``/v1/subscription``, with a fake shop on a real socket."""

import httpx
import pytest

from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.fake_shop import FakeShop
from tests.integration.subscriber.signer import OUR_URL

PATH = "/v1/subscription"
EVENTS = ["purchase.created", "purchase.shipped", "purchase.refunded"]


@pytest.fixture
def settings(settings: Settings, shop: FakeShop) -> Settings:
    return settings.model_copy(update={"shop_url": shop.url})


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


async def test_before_subscribing_it_says_how_to(subscriber: Client) -> None:
    for answer in (await subscriber.get(PATH), await subscriber.post(f"{PATH}/rotation")):
        status, detail = problem(answer)
        assert status == 404
        assert "PUT /v1/subscription" in detail
    assert (await subscriber.delete(PATH)).status_code == 204


@pytest.mark.parametrize(
    ("body", "events"), [({}, EVENTS), ({"event_types": EVENTS[:1]}, EVENTS[:1])]
)
async def test_subscribing_registers_our_url_once(
    body: dict[str, object], events: list[str], subscriber: Client, shop: FakeShop
) -> None:
    answers = [await subscriber.put(PATH, json=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    [(endpoint_id, endpoint)] = shop.endpoints.items()
    assert (endpoint["webhook_url"], endpoint["event_types"]) == (OUR_URL, events)
    found = (await subscriber.get(PATH)).json()
    assert found == answers[0].json() == answers[1].json()
    assert (found["endpoint_id"], found["receiver_url"]) == (endpoint_id, OUR_URL)
    assert (found["shop_url"], found["event_types"]) == (shop.url, events)


async def test_a_rotation_changes_the_secret(subscriber: Client, shop: FakeShop) -> None:
    await subscriber.put(PATH)
    [before] = shop.secrets

    answer = await subscriber.post(f"{PATH}/rotation")

    assert answer.status_code == 200
    assert shop.secrets != [before]
    assert before not in answer.text


async def test_unsubscribing_deletes_our_endpoint(subscriber: Client, shop: FakeShop) -> None:
    await subscriber.put(PATH)

    assert (await subscriber.delete(PATH)).status_code == 204
    assert shop.endpoints == {}
    assert (await subscriber.get(PATH)).status_code == 404


async def test_after_a_reset_one_call_subscribes_again(subscriber: Client, shop: FakeShop) -> None:
    await subscriber.put(PATH)
    (await subscriber.post("/v1/sandbox/reset")).raise_for_status()
    assert (await subscriber.get(PATH)).status_code == 404

    assert (await subscriber.put(PATH)).status_code == 200
    assert len(shop.endpoints) == 1


async def test_what_the_shop_refuses_is_passed_on(subscriber: Client, shop: FakeShop) -> None:
    shop.answers["POST"] = (500, b"")
    refused = problem(await subscriber.put(PATH))
    del shop.answers["POST"]
    await subscriber.put(PATH)
    shop.answers["DELETE"] = (500, b"")
    kept = problem(await subscriber.delete(PATH))

    assert (refused[0], kept[0]) == (502, 502)
    assert "500" in refused[1]
    assert (await subscriber.get(PATH)).status_code == 200


@pytest.mark.parametrize(
    "body", [{"event_types": []}, {"event_types": ["purchase.lost"]}, {"events": EVENTS}]
)
async def test_a_wrong_body_is_refused(body: dict[str, object], subscriber: Client) -> None:
    assert problem(await subscriber.put(PATH, json=body))[0] == 400
