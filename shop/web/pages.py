"""The pages: one Jinja environment for all of them, and the list of their handlers. For ``app``."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.handlers import HTTPRouteHandler

from shop.web import (
    bulk_retry,
    deliveries,
    delivery_actions,
    endpoint_actions,
    endpoints,
    login,
    order_actions,
    orders,
    recovery,
    secret_rotation,
    storefront,
)
from shop.web.access import is_logged_in
from shop.web.cart import read_cart

TEMPLATES = Path(__file__).parent.parent.parent / "templates"

page_handlers: list[HTTPRouteHandler] = [
    storefront.show_products,
    storefront.show_cart,
    storefront.add_to_cart,
    storefront.change_quantity,
    storefront.check_out,
    orders.show_orders,
    orders.stream_orders,
    orders.show_order,
    orders.stream_order,
    order_actions.ship_order,
    order_actions.confirm_refund,
    order_actions.refund_order,
    deliveries.show_deliveries,
    deliveries.stream_deliveries,
    deliveries.show_delivery,
    deliveries.stream_delivery,
    delivery_actions.send_again,
    delivery_actions.cancel_waiting,
    bulk_retry.confirm_retry,
    bulk_retry.retry,
    endpoints.show_endpoints,
    endpoints.stream_endpoints,
    endpoints.register,
    endpoints.show_endpoint,
    endpoints.stream_endpoint,
    endpoint_actions.change_status,
    endpoint_actions.show_edit,
    endpoint_actions.edit,
    endpoint_actions.send_test_event,
    endpoint_actions.confirm_deletion,
    endpoint_actions.delete,
    secret_rotation.confirm_rotation,
    secret_rotation.rotate_secret,
    recovery.confirm_recovery,
    recovery.recover,
    login.show_login,
    login.log_in,
    login.log_out,
]


def jinja_environment() -> Environment:
    """Escapes everything, and fails on a variable that a handler forgot."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # For the header of every page, error pages included, whatever its handler knows of carts.
    environment.globals["read_cart"] = read_cart
    environment.globals["is_logged_in"] = is_logged_in
    return environment
