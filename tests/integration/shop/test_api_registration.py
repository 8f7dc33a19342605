import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

DATA = Path(__file__).parents[2] / "data"
BAD_BODIES = json.loads((DATA / "registration_bodies.json").read_text())["cases"]
BAD_URLS = json.loads((DATA / "registration_urls.json").read_text())["cases"]

URL = "http://127.0.0.1:8001/v1/new-purchase"
REGISTER = "/v1/webhooks/register"
JSON = {"Content-Type": "application/json"}
CHECKED_FIRST = pytest.mark.one_database("is about checks before the database is asked")

Shop = AsyncTestClient[Litestar]


async def registered(shop: Shop, **body: Any) -> dict[str, Any]:
    answer = await shop.post(REGISTER, json={"webhook_url": URL, **body})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def endpoint_count(shop: Shop) -> int:
    return len((await shop.get("/v1/webhooks")).json()["data"])


def assert_problem(answer: Any, status: int) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]


async def test_a_registration_is_answered_exactly_as_designed(shop: Shop) -> None:
    document = await registered(shop)

    assert list(document) == [
        "id",
        "webhook_url",
        "event_types",
        "status",
        "secret",
        "secret_id",
        "issuer",
        "created_at",
    ]
    assert document["id"].startswith("ep_")
    assert document["webhook_url"] == URL
    assert document["event_types"] == ["purchase.created"]
    assert document["status"] == "active"
    assert document["secret"].startswith("whsec_")
    assert re.fullmatch(r"sec_[0-9a-f]{32}", document["secret_id"])
    assert document["issuer"] == "http://127.0.0.1:8000"
    assert document["created_at"].endswith("Z")


async def test_a_secret_is_never_shown_again(shop: Shop) -> None:
    document = await registered(shop)

    listed = await shop.get("/v1/webhooks")
    read = await shop.get(f"/v1/webhooks/{document['id']}")

    assert document["secret"] not in listed.text + read.text
    assert "secret" not in read.json()


async def test_an_endpoint_names_its_issuer_and_its_secrets_but_shows_none(shop: Shop) -> None:
    document = await registered(shop)

    read = (await shop.get(f"/v1/webhooks/{document['id']}")).json()

    assert read["issuer"] == document["issuer"]
    assert read["secrets"] == [
        {
            "id": document["secret_id"],
            "created_at": document["created_at"],
            "expires_at": None,
        }
    ]


async def test_event_types_and_description_are_kept(shop: Shop) -> None:
    document = await registered(
        shop, event_types=["purchase.shipped", "purchase.shipped"], description="Ünïcode <b>"
    )

    read = (await shop.get(f"/v1/webhooks/{document['id']}")).json()

    assert read["event_types"] == ["purchase.shipped"]
    assert read["description"] == "Ünïcode <b>"


async def test_the_same_url_conflicts_with_the_existing_endpoint(shop: Shop) -> None:
    document = await registered(shop)

    again = await shop.post(REGISTER, json={"webhook_url": URL})

    assert_problem(again, 409)
    assert again.json()["endpoint_id"] == document["id"]
    assert await endpoint_count(shop) == 1


@pytest.mark.parametrize(
    ("url", "other_spelling"),
    [
        (URL, "HTTP://127.0.0.1:8001/v1/new-purchase"),
        (URL, "http://127.0.0.1:08001/v1/new-purchase"),
        (URL, "http://127.0.0.1:8001/v1/new-purchase#"),
        (URL, "http://127.0.0.1:8001/v1/new-purchase#top?x"),
        ("http://localhost:9001/", "http://LocalHost:9001/"),
        ("http://localhost:9001/", "http://localhost.:9001/"),
        ("http://localhost:9001/", "http://localhost:9001"),
        ("http://localhost:9001/?a", "http://localhost:9001?a"),
        ("https://shop.example.com/", "https://shop.example.com:443/"),
        ("http://shop.example.com/", "http://shop.example.com:0080/"),
        ("http://[::1]:9001/", "http://[0:0:0:0:0:0:0:1]:9001/"),
    ],
)
async def test_another_spelling_of_a_url_conflicts_with_the_existing_endpoint(
    url: str, other_spelling: str, shop: Shop
) -> None:
    document = await registered(shop, webhook_url=url)

    again = await shop.post(REGISTER, json={"webhook_url": other_spelling})

    assert_problem(again, 409)
    assert again.json()["endpoint_id"] == document["id"]
    assert await endpoint_count(shop) == 1


@pytest.mark.parametrize(
    "other",
    [
        "http://127.0.0.1:8001/v1/new-purchase?",
        "http://127.0.0.1:8001/v1/new-purchase/",
        "http://127.0.0.1:8001/V1/new-purchase",
        "http://127.0.0.1:8001/v1/new%2Dpurchase",
        "http://127.0.0.1:8001/v1/./new-purchase",
        "http://localhost:8001/v1/new-purchase",
    ],
)
async def test_a_url_that_makes_another_request_may_be_registered_as_well(
    other: str, shop: Shop
) -> None:
    await registered(shop)

    document = await registered(shop, webhook_url=other)

    assert document["webhook_url"] == other


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1.:9001/",
        "http://localhost..:9001/",
        "http://example.com..:9001/",
        "http://.:9001/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:99999999999999999999/",
        "http://127.0.0.1:-1/",
        "http://127.0.0.1:/",
        "http://127.0.0.1:9001:9001/",
        "http://[::1]x:9001/",
        "http://[::1].:9001/",
        "http://[::1]]:9001/",
        "http://[::1:9001/",
        "http://[v1.x]:9001/",
        "http://::1:9001/",
        "http://xn--/",
        "http://xn--.example.com/",
        "http://a_.example.com-/",
        "http://127.0.0.1%2e:9001/",
        "http:/127.0.0.1:9001/",
        "http:127.0.0.1:9001/",
    ],
)
async def test_a_url_that_cannot_be_called_is_refused(url: str, shop: Shop) -> None:
    answer = await shop.post(REGISTER, json={"webhook_url": url})

    assert_problem(answer, 422)
    assert await endpoint_count(shop) == 0


async def test_of_several_spellings_at_once_one_is_registered(shop: Shop) -> None:
    spellings = [URL, URL.replace("http", "HTTP"), f"{URL}#", URL.replace(":8001", ":08001")]

    answers = await asyncio.gather(
        *(shop.post(REGISTER, json={"webhook_url": spelling}) for spelling in spellings)
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_deleted_endpoint_is_gone_and_its_url_may_be_registered_anew(shop: Shop) -> None:
    document = await registered(shop)

    deleted = await shop.delete(f"/v1/webhooks/{document['id']}")

    assert deleted.status_code == 204
    assert_problem(await shop.get(f"/v1/webhooks/{document['id']}"), 404)
    assert_problem(await shop.delete(f"/v1/webhooks/{document['id']}"), 404)
    assert (await registered(shop))["id"] != document["id"]


@CHECKED_FIRST
@pytest.mark.parametrize("case", BAD_BODIES, ids=lambda case: case["name"])
async def test_the_corpus_of_bad_bodies_is_refused(case: dict[str, Any], shop: Shop) -> None:
    answer = await shop.post(REGISTER, content=case["body"].encode(), headers=JSON)

    assert answer.status_code in {case["expect"], 422}
    assert_problem(answer, answer.status_code)
    assert await endpoint_count(shop) == 0


async def test_the_corpus_of_forbidden_urls_is_refused(shop: Shop) -> None:
    for case in BAD_URLS:
        answer = await shop.post(REGISTER, json={"webhook_url": case["webhook_url"]})
        assert_problem(answer, 422)

    assert await endpoint_count(shop) == 0


@pytest.mark.parametrize(
    "body",
    [
        b'{"webhook_url": "http://127.0.0.1:9999/\xff"}',
        b'{"webhook_url": "http://127.0.0.1:9999/", "webhook_url": "http://127.0.0.1:9998/"}',
        b'{"webhook_url": "http://127.0.0.1:9999/", "event_type": "purchase.created"}',
        b'{"webhook_url": "http://127.0.0.1:9999/", "event_types": []}',
        b'{"webhook_url": "http://127.0.0.1:9999/", "event_types": ["order.created"]}',
        b'{"webhook_url": "http://127.0.0.1:9999/", "event_types": ["webhook.ping"]}',
        b'{"webhook_url": "http://127.0.0.1:9999/", "description": "\\u0000"}',
    ],
    ids=[
        "invalid UTF-8",
        "duplicate key",
        "unknown key",
        "no event type",
        "unknown event type",
        "ping is always sent",
        "NUL in the description",
    ],
)
async def test_undocumented_fields_and_values_are_refused(body: bytes, shop: Shop) -> None:
    answer = await shop.post(REGISTER, content=body, headers=JSON)

    assert_problem(answer, 400)
    assert await endpoint_count(shop) == 0


@CHECKED_FIRST
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": ""},
        {**JSON, "Content-Encoding": "gzip"},
        [*JSON.items(), ("Content-Type", "text/plain")],
        [*JSON.items(), ("Content-Encoding", "identity"), ("Content-Encoding", "gzip")],
    ],
    ids=str,
)
async def test_only_plain_json_is_read(
    headers: dict[str, str] | list[tuple[str, str]], shop: Shop
) -> None:
    body = json.dumps({"webhook_url": URL}).encode()

    answer = await shop.post(REGISTER, content=body, headers=headers)

    assert_problem(answer, 415)
    assert await endpoint_count(shop) == 0


@CHECKED_FIRST
@pytest.mark.parametrize("size", [66_000, 1_000_000])
async def test_a_body_above_64_kib_is_refused(size: int, shop: Shop) -> None:
    body = json.dumps({"webhook_url": URL}).encode() + b" " * size

    assert_problem(await shop.post(REGISTER, content=body, headers=JSON), 413)


async def test_json_with_a_charset_is_still_json(shop: Shop) -> None:
    body = json.dumps({"webhook_url": URL}).encode()
    headers = {"Content-Type": "application/json; charset=utf-8"}

    assert (await shop.post(REGISTER, content=body, headers=headers)).status_code == 201


async def test_a_receiver_can_register_with_the_secret_that_it_has(shop: Shop) -> None:
    own = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    assert (await registered(shop, secret=own))["secret"] == own


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
async def test_a_secret_that_is_no_secret_is_rejected_with_the_rule(
    shop: Shop, secret: str
) -> None:
    answer = await shop.post(REGISTER, json={"webhook_url": URL, "secret": secret})

    assert_problem(answer, 400)
    assert "whsec_ and 24 to 64 bytes in base64" in answer.json()["detail"]
    assert await endpoint_count(shop) == 0
