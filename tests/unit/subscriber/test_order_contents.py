from subscriber_app.explaining.order_contents import describe
from subscriber_app.shop_api.delivery_log import OrderLine


def test_an_order_is_described_by_its_first_lines() -> None:
    lines = [OrderLine(product_name=name, quantity=2) for name in "ABCDE"]

    assert describe(lines[:1]) == "2 × A"
    assert describe(lines) == "2 × A, 2 × B, 2 × C, and 2 more"
