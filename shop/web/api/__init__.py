"""The JSON API under ``/v1``: for programs, other applications and Playwright suites.

One router, so that its rules apply to every call: bodies are small and ``application/json``, and
errors are problem documents. It needs no CSRF token, because no cross-site form can send
``application/json``.
"""

from litestar import Router
from litestar.di import Provide

from hookshop.webkit.bodies import MAX_READ_BYTES
from hookshop.webkit.json_api import check_api_call
from hookshop.webkit.openapi import ApiInfo
from shop import __version__
from shop.web.api.clock import advance_clock, get_clock
from shop.web.api.deliveries import (
    cancel_delivery,
    get_delivery,
    get_stats,
    list_deliveries_as_json,
    resend_delivery,
)
from shop.web.api.endpoint_actions import ping_endpoint, recover_endpoint, rotate_secret
from shop.web.api.endpoints import (
    change_endpoint,
    delete_endpoint,
    get_endpoint,
    list_endpoints,
    register_endpoint,
)
from shop.web.api.exams import EXAMS
from shop.web.api.orders import (
    get_order,
    list_orders_as_json,
    list_products,
    post_order,
    refund_order,
    ship_order,
)
from shop.web.api.quiescence import get_quiescence
from shop.web.api.refusals import list_refused_registrations
from shop.web.api.sandboxes import SANDBOXES
from shop.web.dependencies import provide_manages

ENDPOINTS = [
    register_endpoint,
    list_endpoints,
    get_endpoint,
    change_endpoint,
    delete_endpoint,
    ping_endpoint,
    rotate_secret,
    recover_endpoint,
    list_refused_registrations,
]
ORDERS = [list_products, list_orders_as_json, post_order, get_order, ship_order, refund_order]
DELIVERIES = [
    list_deliveries_as_json,
    get_delivery,
    resend_delivery,
    cancel_delivery,
    get_stats,
    get_quiescence,
]
CLOCK = [advance_clock, get_clock]

api_router = Router(
    path="/v1",
    route_handlers=[
        Router(path="/", route_handlers=ENDPOINTS, tags=["Endpoints"]),
        Router(path="/", route_handlers=ORDERS, tags=["Orders"]),
        Router(path="/", route_handlers=DELIVERIES, tags=["Deliveries"]),
        Router(path="/", route_handlers=CLOCK, tags=["Clock"]),
        Router(path="/", route_handlers=EXAMS, tags=["Exams"]),
        Router(path="/", route_handlers=SANDBOXES, tags=["Sandboxes"]),
    ],
    dependencies={"manages": Provide(provide_manages, sync_to_thread=False)},
    before_request=check_api_call,
    request_max_body_size=MAX_READ_BYTES,
)

api_info = ApiInfo(
    title="Hookshop: the shop",
    version=__version__,
    description="Register endpoints for webhooks, place orders, and follow each delivery.",
    tags={
        "Endpoints": "Where webhooks are sent: URL, event types, secrets, status.",
        "Orders": "Products and orders. An order, its shipping and its refund are events.",
        "Deliveries": "The log: each webhook with every request and response.",
        "Clock": "Skip time: make retries and probes of the next days now, each one for real.",
        "Exams": "Examine any receiver with genuine and hostile webhooks.",
        "Sandboxes": "Shops of one's own in the same processes, for a learner or a test.",
    },
    token_variable="SHOP_ADMIN_TOKEN",  # noqa: S106 – the name of a setting
)
