"""Requests that the JSON API refuses. They change nothing, so one application serves all tests."""

import pytest

from tests.integration.subscriber.conftest import Client

pytestmark = pytest.mark.asyncio(loop_scope="module")

HUGE = "99999999999999999999"
JSON = {"Content-Type": "application/json"}
FAULT = {"mode": "status", "status": 503}


@pytest.fixture
def subscriber(shared_subscriber: Client) -> Client:
    return shared_subscriber


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=101",
        f"limit={HUGE}",
        "limit=ten",
        "limit=",
        "verdict=perhaps",
        "verdict=ACCEPTED",
        "cursor=nonsense",
        "cursor=",
        f"cursor={HUGE}",
        "cursor=rcp_0",
        "cursor=%00",
        "cursor=%FF",
        "cursor=rcp_0193e5a1b2c37def8123456789ABCDEF",
    ],
)
async def test_an_invalid_query_is_refused(query: str, subscriber: Client) -> None:
    answer = await subscriber.get(f"/v1/receipts?{query}")

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["title"], problem["status"]) == ("Bad Request", 400)
    assert problem["detail"]


@pytest.mark.parametrize("path", ["receipts", "receipts/rcp_1", "stats", "faults", "defences"])
async def test_an_unknown_query_parameter_is_refused(path: str, subscriber: Client) -> None:
    answer = await subscriber.get(f"/v1/{path}?sort=id")

    assert answer.status_code == 400
    assert "there is no query parameter 'sort'" in answer.json()["detail"]


async def test_receipts_are_not_deleted_by_a_call_with_an_unknown_filter(
    subscriber: Client,
) -> None:
    answer = await subscriber.delete("/v1/receipts?verdict=rejected")

    assert answer.status_code == 400
    assert answer.json()["detail"].endswith("this call has none")


@pytest.mark.parametrize("query", ["event_type=%FF", "message_id=%ED%A0%80", "event_type=%F0%9F"])
async def test_a_query_that_is_not_utf_8_finds_nothing(query: str, subscriber: Client) -> None:
    answer = await subscriber.get(f"/v1/receipts?{query}")

    assert answer.status_code == 200
    assert answer.json()["data"] == []


@pytest.mark.parametrize("receipt_id", ["nope", HUGE, "%00", "%FF", "'", "x" * 5000])
async def test_an_unknown_receipt_is_not_found(receipt_id: str, subscriber: Client) -> None:
    answer = await subscriber.get(f"/v1/receipts/{receipt_id}")

    assert answer.status_code == 404
    assert answer.json()["title"] == "Not Found"


async def test_an_unknown_address_is_a_problem_document(subscriber: Client) -> None:
    answer = await subscriber.get("/v1/nowhere")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"{",
        b'"none"',
        b'{"mode":"perhaps"}',
        b'{"mode":null}',
        b'{"mode":"status"}',
        b'{"mode":"status","status":null}',
        b'{"mode":"none","status":500}',
        b'{"mode":"status","status":299}',
        b'{"mode":"status","status":600}',
        b'{"mode":"status","status":200}',
        b'{"mode":"status","status":99999999999999999999}',
        b'{"mode":"status","status":500.0}',
        b'{"mode":"status","status":500.5}',
        b'{"mode":"status","status":"500"}',
        b'{"mode":"status","status":true}',
        b'{"mode":"status","status":500,"retry_after":5}',
        b'{"mode":"status","status":429,"retry_after":-1}',
        b'{"mode":"status","status":429,"retry_after":86401}',
        b'{"mode":"status","status":500,"location":"/"}',
        b'{"mode":"status","status":302,"location":"/\\r\\nSet-Cookie: a=b"}',
        b'{"mode":"status","status":302,"location":""}',
        b'{"mode":"status","status":302,"location":"/\xc3\xa9"}',
        b'{"mode":"status","status":500,"seconds":3}',
        b'{"mode":"slow"}',
        b'{"mode":"slow","seconds":0}',
        b'{"mode":"slow","seconds":61}',
        b'{"mode":"slow","seconds":0.5}',
        b'{"mode":"never","seconds":5}',
        b'{"mode":"drop","status":500}',
        b'{"mode":"accept_then_500","status":500}',
        b'{"mode":"random"}',
        b'{"mode":"random","percent":0}',
        b'{"mode":"random","percent":101}',
        b'{"mode":"random","percent":30,"status":200}',
        b'{"mode":"random","percent":30,"seed":-1}',
        b'{"mode":"random","percent":30,"seed":"one"}',
        b'{"mode":"random","percent":30,"position":-1}',
        b'{"mode":"script"}',
        b'{"mode":"script","script":""}',
        b'{"mode":"script","script":"  "}',
        b'{"mode":"script","script":["503"]}',
        b'{"mode":"script","script":"503 perhaps"}',
        b'{"mode":"script","script":"503","position":2}',
        b'{"mode":"none","extra":1}',
        b'{"mode":"none","mode":"status","status":500}',
        b'{"mode":"status","status":500,"status":503}',
        b'{"mode":"none"} ,',
        b'{"mode":"n\xffne"}',
        b'\xef\xbb\xbf{"mode":"none"}',
        b"[" * 100_000,
        b'{"mode":' * 8_000,
        b'{"mode":"status","status":NaN}',
    ],
    ids=lambda body: body[:48].decode("latin-1").encode("unicode_escape").decode() or "empty",
)
async def test_a_body_that_is_not_as_documented_is_refused_and_changes_nothing(
    body: bytes, subscriber: Client
) -> None:
    await subscriber.put("/v1/faults", json=FAULT)

    answer = await subscriber.put("/v1/faults", content=body, headers=JSON)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert (await subscriber.get("/v1/faults")).json() == FAULT


@pytest.mark.parametrize("size", [65_537, 1_000_000])
async def test_a_body_above_64_kib_is_refused(size: int, subscriber: Client) -> None:
    body = b'{"mode":"none"}'.ljust(size)

    answer = await subscriber.put("/v1/faults", content=body, headers=JSON)

    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "content_type",
    [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", "text/json"],
)
async def test_another_content_type_is_refused(
    content_type: str | None, subscriber: Client
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    answer = await subscriber.put("/v1/faults", content=b'{"mode":"none"}', headers=headers)

    assert answer.status_code == 415
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_compressed_body_is_refused(subscriber: Client) -> None:
    headers = JSON | {"Content-Encoding": "gzip"}

    answer = await subscriber.put("/v1/faults", content=b"...", headers=headers)

    assert answer.status_code == 415


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
async def test_another_method_is_not_allowed(method: str, subscriber: Client) -> None:
    answer = await subscriber.request(method, "/v1/faults", content=b"{}", headers=JSON)

    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
