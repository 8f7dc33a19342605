"""The name that changes its mind is the same for both applications, which share no code."""

from shop.webhooks.engine.changing_name import CHANGING_NAME
from subscriber_app.missions import failing_endpoints


def test_the_mission_registers_the_name_that_the_shop_looks_up_itself() -> None:
    assert failing_endpoints.CHANGING_NAME == CHANGING_NAME
