"""Tools for tests of webhooks. They need only Python's standard library and pytest.

The pytest plugin, ``plugin``, has the fixtures ``hookshop`` (a shop and a subscriber of the test's
own), ``hookshop_receiver`` and ``hookshop_server``. docs/testing.md describes them.

Reading order: ``plugin``, ``server`` (the demo to test against), ``pair`` (waiting and time),
``shop``, ``subscriber``, ``receiver``, ``timeouts`` (what a failed wait says), ``story`` (what a
failed test leaves behind). ``verification``: whether a webhook is genuine, step by step.
``fault_script``: what can go wrong on purpose. ``webhook_server``: an HTTP server that records,
verifies and answers webhooks. ``http_client``, ``records``: calls of the APIs, and their responses.
``hookshop.ts``: the same kit for Playwright Test in TypeScript.
"""

from hookshop.testing.http_client import ApiError, HookshopError, UnreachableError
from hookshop.testing.pair import Hookshop, new_pair
from hookshop.testing.receiver import Receiver, running_receiver
from hookshop.testing.records import Delivery, Endpoint, Order, Receipt
from hookshop.testing.server import DemoProcess, HookshopServer, ServerError, connect
from hookshop.testing.shop import Shop
from hookshop.testing.subscriber import Subscriber
from hookshop.testing.timeouts import WaitTimeoutError
from hookshop.testing.webhook_server import ReceivedWebhook

__all__ = [
    "ApiError",
    "Delivery",
    "DemoProcess",
    "Endpoint",
    "Hookshop",
    "HookshopError",
    "HookshopServer",
    "Order",
    "Receipt",
    "ReceivedWebhook",
    "Receiver",
    "ServerError",
    "Shop",
    "Subscriber",
    "UnreachableError",
    "WaitTimeoutError",
    "connect",
    "new_pair",
    "running_receiver",
]
