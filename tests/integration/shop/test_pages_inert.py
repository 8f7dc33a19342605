"""Responses from receivers are shown on our pages as inert text."""

from html import escape

import pytest

from tests.integration.shop.browsing import Shop, attempt, order, register
from tests.integration.shop.conftest import Clock, Engine
from tests.pages import Visitor
from tests.receiver import Receiver

pytestmark = pytest.mark.one_database("its statements run in the tests of the API")


@pytest.mark.parametrize(
    "answered",
    [
        '<img src="x" onerror="alert(1)">',
        '<div hx-get="/endpoints" hx-trigger="load"></div>',
        '<hx-partial hx-target="#main">gone</hx-partial>',
    ],
)
async def test_a_stored_answer_is_text(
    answered: str, shop: Shop, engine: Engine, clock: Clock, receiver: Receiver
) -> None:
    receiver.status, receiver.body = 500, answered.encode()
    receiver.headers = {"X-Says": answered}
    await register(shop, receiver.url)
    [delivery_id] = (await order(shop))["delivery_ids"]
    await attempt(engine, clock)

    page = await Visitor(shop).get(f"/deliveries/{delivery_id}")

    assert answered not in page.answer.text
    # Once in the headers, once in the body. Jinja escapes quotes as numbers.
    shown = escape(answered).replace("&quot;", "&#34;")
    assert page.answer.text.count(shown) == 2
