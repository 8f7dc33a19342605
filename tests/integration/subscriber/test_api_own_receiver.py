"""``/v1/missions/receiver`` and checks, with a fake shop on a real socket."""

import httpx
import pytest

from subscriber_app.config import Settings
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.fake_shop import FakeShop

PATH = "/v1/missions/receiver"
URL = "http://127.0.0.1:9000/hook"
PROBE = "http://127.0.0.1:9000/effects"
SECRET = "whsec_" + 43 * "A" + "="


@pytest.fixture
def settings(settings: Settings, shop: FakeShop) -> Settings:
    return settings.model_copy(update={"shop_url": shop.url})


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["detail"]


async def test_registering_shows_the_secret_once(subscriber: Client, shop: FakeShop) -> None:
    made = (await subscriber.put(PATH, json={"webhook_url": URL, "probe_url": PROBE})).json()
    found = (await subscriber.get(PATH)).json()

    [(endpoint_id, endpoint)] = shop.endpoints.items()
    assert endpoint["webhook_url"] == URL
    assert made.pop("secret") == endpoint["secret"]
    assert found == made
    assert (found["endpoint_id"], found["webhook_url"]) == (endpoint_id, URL)
    assert found["probe_url"] == PROBE


async def test_the_same_url_again_changes_only_probe_and_secret(
    subscriber: Client, shop: FakeShop
) -> None:
    first = (await subscriber.put(PATH, json={"webhook_url": URL, "probe_url": PROBE})).json()

    again = (await subscriber.put(PATH, json={"webhook_url": URL})).json()
    rotated = (await subscriber.put(PATH, json={"webhook_url": URL, "secret": SECRET})).json()

    assert len(shop.endpoints) == 1
    assert "secret" not in again | rotated
    assert (again["probe_url"], again["fingerprint"]) == ("", first["fingerprint"])
    assert rotated["fingerprint"] != first["fingerprint"]


async def test_removing_deletes_the_endpoint_and_again_does_nothing(
    subscriber: Client, shop: FakeShop
) -> None:
    await subscriber.put(PATH, json={"webhook_url": URL})

    answers = [await subscriber.delete(PATH) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert shop.endpoints == {}
    status, detail = problem(await subscriber.get(PATH))
    assert status == 404
    assert "PUT /v1/missions/receiver" in detail


async def test_another_url_needs_the_first_one_to_be_removed(subscriber: Client) -> None:
    await subscriber.put(PATH, json={"webhook_url": URL})

    status, detail = problem(await subscriber.put(PATH, json={"webhook_url": f"{URL}-2"}))

    assert (status, detail) == (409, f"{URL} is registered; remove it first")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 400),
        ({"webhook_url": ""}, 400),
        ({"webhook_url": 7}, 400),
        ({"webhook_url": URL, "probe": PROBE}, 400),
        ({"webhook_url": URL + "x" * 2000}, 400),
        ({"webhook_url": URL, "secret": "sesame"}, 422),
    ],
)
async def test_a_wrong_body_changes_nothing(
    body: dict[str, object], expected: int, subscriber: Client, shop: FakeShop
) -> None:
    status, _detail = problem(await subscriber.put(PATH, json=body))

    assert status == expected
    assert shop.endpoints == {}
    assert (await subscriber.get(PATH)).status_code == 404


@pytest.mark.parametrize(("answered", "expected"), [(422, 422), (500, 502)])
async def test_it_says_whether_the_shop_refused_the_url_or_is_away(
    answered: int, expected: int, subscriber: Client, shop: FakeShop
) -> None:
    shop.answers["POST"] = (answered, b'{"detail": "169.254.169.254 is not allowed"}')

    status, detail = problem(await subscriber.put(PATH, json={"webhook_url": URL}))

    assert status == expected
    assert ("169.254.169.254 is not allowed" in detail) == (answered == 422)


@pytest.mark.parametrize(
    ("mission", "expected", "detail"),
    [
        ("build-99", 404, "there is no mission 'build-99'"),
        ("4", 409, "this mission has no cases of the exam"),
        ("build-5", 409, "start the mission first"),
        ("build-4", 409, "there is no receiver; register it with PUT /v1/missions/receiver"),
    ],
)
async def test_a_check_that_cannot_start_says_why(
    mission: str, expected: int, detail: str, subscriber: Client
) -> None:
    await subscriber.post("/v1/missions/build-4/start")

    answer = await subscriber.post(f"/v1/missions/{mission}/check")

    assert problem(answer) == (expected, detail)


async def test_a_check_that_the_shop_does_not_start_says_why(
    subscriber: Client, shop: FakeShop
) -> None:
    await subscriber.put(PATH, json={"webhook_url": URL})
    await subscriber.post("/v1/missions/build-4/start")
    check = "/v1/missions/build-4/check"

    shop.answers["POST"] = (409, b'{"detail": "an exam is under way"}')
    busy = problem(await subscriber.post(check))
    shop.answers["POST"] = (500, b"")
    away = problem(await subscriber.post(check))

    assert busy == (409, "The shop refused: an exam is under way")
    assert away[0] == 502
