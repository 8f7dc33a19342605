"""Every request has an id, in its response, its log lines and error pages."""

import logging
import re

import pytest

from hookshop.webkit.logs import add_request_id
from tests.integration.shop.browsing import Shop, order, register
from tests.pages import Visitor

pytestmark = pytest.mark.one_database("is about the log")

MADE = re.compile(r"req_[0-9a-f]{16}")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The shop's log, with the ids that its handler adds."""
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(add_request_id)
    return caplog


def lines(log: pytest.LogCaptureFixture, logger: str) -> list[logging.LogRecord]:
    return [record for record in log.records if record.name == logger]


async def test_a_request_gets_an_id_and_one_line(shop: Shop, log: pytest.LogCaptureFixture) -> None:
    answer = await shop.get("/deliveries?q=a-secret-that-somebody-typed")

    [line] = lines(log, "hookshop.webkit.request_log")
    facts = line.__dict__
    assert MADE.fullmatch(answer.headers["x-request-id"])
    assert facts["request_id"] == answer.headers["x-request-id"]
    assert (facts["method"], facts["path"], facts["status"]) == ("GET", "/deliveries", 200)
    assert 0 <= facts["duration_ms"] < 60_000
    assert line.getMessage().startswith("GET /deliveries → 200 in ")  # and not the query


async def test_each_request_has_another_id(shop: Shop) -> None:
    ids = {(await shop.get("/healthz")).headers["x-request-id"] for _ in range(5)}

    assert len(ids) == 5


@pytest.mark.parametrize("given", ["req_1", "7b6f0c9e-1d", "a" * 128])
async def test_an_id_that_comes_with_the_request_is_kept(shop: Shop, given: str) -> None:
    answer = await shop.get("/v1/stats", headers={"X-Request-Id": given})

    assert answer.headers.get_list("x-request-id") == [given]


@pytest.mark.parametrize("given", ["", "two words", "a" * 129, "<b>", 'a"b', "ä", "a;b", "a\tb"])
async def test_an_id_that_could_do_harm_is_replaced(shop: Shop, given: str) -> None:
    answer = await shop.get("/v1/stats", headers={b"X-Request-Id": given.encode()})

    assert MADE.fullmatch(answer.headers["x-request-id"])


async def test_two_ids_are_replaced_by_a_new_one(shop: Shop) -> None:
    answer = await shop.get("/v1/stats", headers=[("X-Request-Id", "a"), ("X-Request-Id", "b")])

    assert MADE.fullmatch(answer.headers["x-request-id"])


async def test_an_error_page_names_the_id(shop: Shop) -> None:
    page = await Visitor(shop).get("/deliveries/dlv_unknown")

    assert page.status == 404
    id_ = page.answer.headers["x-request-id"]
    assert f"Request ID, for the log: {id_}" in page.text


async def test_an_address_that_is_not_there_has_an_id_and_a_line_too(
    shop: Shop, log: pytest.LogCaptureFixture
) -> None:
    page = await Visitor(shop).get("/nowhere/%0aERROR%20all%20is%20lost")

    assert page.answer.headers["x-request-id"] in page.text
    [line] = lines(log, "hookshop.webkit.request_log")
    assert line.getMessage().startswith("GET /nowhere/%0AERROR%20all%20is%20lost → 404")


async def test_a_problem_document_names_the_id(shop: Shop) -> None:
    answer = await shop.get("/v1/orders/unknown", headers={"X-Request-Id": "mine"})

    assert answer.status_code == 404
    assert answer.json()["request_id"] == "mine"


async def test_an_order_is_followed_from_its_request_to_its_deliveries(
    shop: Shop, log: pytest.LogCaptureFixture
) -> None:
    await register(shop)
    log.clear()

    [delivery_id] = (await order(shop))["delivery_ids"]

    [line] = [each for each in lines(log, "shop.redis.wake_ups") if each.levelno == logging.INFO]
    [access] = lines(log, "hookshop.webkit.request_log")
    assert line.__dict__["delivery_id"] == delivery_id
    assert line.__dict__["request_id"] == access.__dict__["request_id"]


async def test_probes_and_scrapes_are_logged_only_if_they_fail(
    shop: Shop, log: pytest.LogCaptureFixture
) -> None:
    for path in ("/healthz", "/metrics", "/static/css/tokens.css"):
        assert (await shop.get(path)).status_code == 200
    await shop.get("/static/missing.css")

    [line] = lines(log, "hookshop.webkit.request_log")
    assert line.__dict__["path"] == "/static/missing.css"
