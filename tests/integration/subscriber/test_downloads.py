"""A receipt as a HAR file for other tools."""

import base64
import json

import pytest

from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver, only_receipt
from tests.integration.subscriber.signer import OUR_URL, Delivery


async def har(subscriber: Client) -> dict[str, object]:
    answer = await subscriber.get(f"/receipts/{(await only_receipt(subscriber))['id']}/har")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["content-disposition"].startswith('attachment; filename="rcp_')
    log = answer.json()["log"]
    assert log["version"] == "1.2"
    [entry] = log["entries"]
    # The fields that the specification requires.
    assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry)
    assert {"send", "wait", "receive"} <= set(entry["timings"])
    for half in ("request", "response"):
        assert {"httpVersion", "cookies", "headers", "headersSize", "bodySize"} <= set(entry[half])
    assert {"status", "statusText", "content", "redirectURL"} <= set(entry["response"])
    found: dict[str, object] = entry
    return found


async def test_a_har_contains_the_exact_bytes_of_the_request(subscribed: Client) -> None:
    delivery = Delivery(body=b'{"a": "Zo\xc3\xab\\u0000"}\n')
    await deliver(subscribed, delivery, x_strange="<b>")

    entry = await har(subscribed)

    request = entry["request"]
    assert isinstance(request, dict)
    assert request["url"] == OUR_URL
    assert request["postData"]["text"].encode() == delivery.body
    assert request["bodySize"] == len(delivery.body)
    assert {"name": "x-strange", "value": "<b>"} in request["headers"]
    assert entry["startedDateTime"] == "2026-11-23T12:00:00.000Z"


async def test_a_body_that_is_not_text_is_base64(subscribed: Client) -> None:
    await deliver(subscribed, Delivery(body=b"\xff\x00"))

    post_data = json.loads(json.dumps(await har(subscribed)))["request"]["postData"]

    assert base64.b64decode(post_data["text"]) == b"\xff\x00"
    assert post_data["_encoding"] == "base64"


async def test_an_undefined_status_has_no_phrase(subscribed: Client) -> None:
    await subscribed.put("/v1/faults", json={"mode": "status", "status": 499})
    await deliver(subscribed)

    response = json.loads(json.dumps(await har(subscribed)))["response"]

    assert (response["status"], response["statusText"]) == (499, "")


@pytest.mark.parametrize("id_", ["rcp_0", "..%2F..", "%00"])
async def test_an_unknown_receipt_is_404(id_: str, subscriber: Client) -> None:
    assert (await subscriber.get(f"/receipts/{id_}/har")).status_code == 404
