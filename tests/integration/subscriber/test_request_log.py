"""Every request has an id. A webhook's log line has its facts, but no credential."""

import logging
import re

import pytest

from hookshop.webkit.logs import JsonLines, TextLines, add_request_id
from subscriber_app.vocabulary import LOG_FIELDS
from tests.integration.subscriber.conftest import Client
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import SECRET, Delivery
from tests.pages import Visitor

MADE = re.compile(r"req_[0-9a-f]{16}")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(add_request_id)
    return caplog


async def test_a_webhook_leaves_two_lines_under_one_id(
    subscribed: Client, log: pytest.LogCaptureFixture
) -> None:
    delivery = Delivery()

    answer = await deliver(subscribed, delivery)

    [receipt] = [each for each in log.records if each.name.startswith("subscriber_app")]
    [access] = [each for each in log.records if each.name == "hookshop.webkit.request_log"]
    assert receipt.__dict__["receipt_id"] == answer.json()["receipt_id"]
    assert receipt.__dict__["message_id"] == delivery.message_id
    assert (access.__dict__["path"], access.__dict__["status"]) == ("/v1/new-purchase", 200)
    ids = {each.__dict__["request_id"] for each in (receipt, access)}
    assert ids == {answer.headers["x-request-id"]}


@pytest.mark.parametrize(
    "style", [TextLines(LOG_FIELDS), JsonLines(LOG_FIELDS)], ids=["text", "json"]
)
async def test_no_credential_is_written_however_the_lines_look(
    subscribed: Client, log: pytest.LogCaptureFixture, style: logging.Formatter
) -> None:
    headers = dict(Delivery().headers())

    await deliver(subscribed)
    await deliver(subscribed, webhook_signature="v1,Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2VkIGZvcmc=")

    written = "\n".join(style.format(record) for record in log.records)
    assert "signature_mismatch" in written
    for name in ("webhook-signature", "authorization"):
        assert headers[name].removeprefix("v1,").removeprefix("Bearer ") not in written
    assert SECRET.removeprefix("whsec_") not in written


async def test_an_error_page_and_a_problem_document_name_the_id(subscriber: Client) -> None:
    page = await Visitor(subscriber).get("/receipts/rcp_unknown")
    document = await subscriber.get("/v1/receipts/rcp_unknown")

    id_ = page.answer.headers["x-request-id"]
    assert MADE.fullmatch(id_)
    assert f"Request ID, for the log: {id_}" in page.text
    assert document.json()["request_id"] == document.headers["x-request-id"]
