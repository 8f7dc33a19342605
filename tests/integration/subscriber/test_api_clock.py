"""``/v1/clock`` of the subscriber when its shop does not skip time, with a fake shop."""

import json
from typing import Any

import pytest

from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.fake_shop import FakeShop

ADVANCE = "/v1/clock/advance"


@pytest.fixture
def settings(settings: Settings, shop: FakeShop) -> Settings:
    return settings.model_copy(update={"shop_url": shop.url})


@pytest.mark.parametrize(
    ("status", "body", "expected", "reason"),
    [
        (409, {"detail": "an advance is under way"}, 409, "an advance is under way"),
        (422, {"detail": "too many are pending"}, 422, "too many are pending"),
        (401, {"detail": "the token is wrong"}, 502, "The shop refused: the token is wrong"),
        (404, {"detail": "Not Found"}, 502, "The shop has no clock: upgrade it"),
        (503, {"detail": "busy"}, 502, "The shop answered 503"),
        (202, {"state": "asleep"}, 502, "no valid clock"),
    ],
)
async def test_what_the_shop_answers_is_passed_on(
    status: int,
    body: dict[str, Any],
    expected: int,
    reason: str,
    subscriber: Client,
    shop: FakeShop,
) -> None:
    shop.answers["POST"] = status, json.dumps(body).encode()

    answer = await subscriber.post(ADVANCE, json={"seconds": 60})

    assert answer.status_code == expected
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"seconds": 0}, {"seconds": 1, "to": "next_attempt"}])
async def test_a_wrong_distance_does_not_reach_the_shop(
    body: dict[str, Any], subscriber: Client, shop: FakeShop
) -> None:
    answer = await subscriber.post(ADVANCE, json=body)

    assert answer.status_code == 400
    assert not shop.count("POST")


async def test_a_clock_that_cannot_be_read_is_said(subscriber: Client, shop: FakeShop) -> None:
    shop.answers["GET"] = 500, b"{}"

    answer = await subscriber.get("/v1/clock")

    assert answer.status_code == 502
    assert answer.json()["detail"].endswith("Start the shop, or check its URL and token")
