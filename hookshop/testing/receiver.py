"""A receiver in the process of a test: keeps, verifies and answers webhooks, or fails by script."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from hookshop.testing.fault_script import parse_script
from hookshop.testing.http_client import HookshopError
from hookshop.testing.pair import WAIT_SECONDS, Hookshop
from hookshop.testing.records import Order, order_id_of
from hookshop.testing.timeouts import WaitTimeoutError
from hookshop.testing.webhook_server import ReceivedWebhook, Subscription, WebhookServer

EVENT_TYPES = ("purchase.created", "purchase.shipped", "purchase.refunded")
LOOPBACK, EVERYWHERE = "127.0.0.1", "0.0.0.0"  # noqa: S104 – only if the shop is elsewhere
MAX_SHOWN = 10  # webhooks in an error


class Receiver:
    """A registered receiver. ``url``: as registered. ``secret``: ``whsec_`` and base64.

    It answers 204 to genuine webhooks, and 401 to others.
    """

    def __init__(self, host: str, port: int = 0) -> None:
        listens_on = LOOPBACK if host == LOOPBACK else EVERYWHERE
        self._webhooks: list[ReceivedWebhook] = []
        self._changed = threading.Condition()
        self._server = WebhookServer(self._keep, host=listens_on, port=port)
        self.url = f"http://{host}:{self._server.port}/webhooks"
        self.endpoint_id = ""
        self.secret = ""

    @property
    def webhooks(self) -> list[ReceivedWebhook]:
        """Return every request so far, oldest first, verified or not."""
        with self._changed:
            return list(self._webhooks)

    def fail_next(self, *faults: str) -> None:
        """Let the next requests fail, one word for each, as ``Subscriber.fail_next``."""
        self._server.fail_next(parse_script(faults))

    def wait_for_webhook(
        self,
        order: Order | str | None = None,
        *,
        event_type: str | None = None,
        count: int = 1,
        timeout: float = WAIT_SECONDS,
    ) -> ReceivedWebhook:
        """Return the newest genuine webhook of the order, when there are ``count`` of them.

        Those that met a fault do not count. Raise ``WaitTimeoutError``, which lists all requests.
        """
        __tracebackhide__ = True  # of pytest: show the line of the test
        order_id = None if order is None else order_id_of(order)

        def fits(webhook: ReceivedWebhook) -> bool:
            event = webhook.event or {}
            return (
                webhook.fault is None
                and webhook.verification is not None
                and webhook.verification.is_genuine
                and order_id in {None, event.get("order_id")}
                and event_type in {None, event.get("type")}
            )

        deadline = time.monotonic() + timeout
        with self._changed:
            while len(found := [each for each in self._webhooks if fits(each)]) < count:
                if not self._changed.wait(deadline - time.monotonic()):
                    raise self._too_few(order_id, event_type, len(found), count, timeout)
        return found[-1]

    def _too_few(
        self, order_id: str | None, event_type: str | None, found: int, count: int, timeout: float
    ) -> WaitTimeoutError:
        of_type = f" {event_type}" if event_type else ""
        of_order = f" of order {order_id}" if order_id else ""
        wanted = f"{count} genuine webhooks{of_type}{of_order}"
        lines = [
            f"After {timeout:g} s, {self.url} has {found} of {wanted}.",
            f"It received {len(self._webhooks)} requests:",
            *(f"  {describe(each)}" for each in self._webhooks[-MAX_SHOWN:]),
        ]
        return WaitTimeoutError("\n".join(lines))

    def _keep(self, webhook: ReceivedWebhook) -> None:
        with self._changed:
            self._webhooks.append(webhook)
            self._changed.notify_all()

    def _start(self, hookshop: Hookshop) -> None:
        self._server.start()
        registered = hookshop.shop.register(self.url, EVENT_TYPES)
        self.endpoint_id, self.secret = registered["id"], registered["secret"]
        self._server.subscription = Subscription(
            self.endpoint_id, (self.secret,), self.url, registered["issuer"]
        )

    def _stop(self, hookshop: Hookshop) -> None:
        if self.endpoint_id:
            with suppress(HookshopError):
                hookshop.shop.unregister(self.endpoint_id)
        self._server.stop()


@contextmanager
def running_receiver(
    hookshop: Hookshop, *, host: str = LOOPBACK, keep: Callable[[], bool] = lambda: False
) -> Iterator[Receiver]:
    """Listen on a free port, registered at the shop for all event types of purchases.

    ``host``: by which the shop reaches this machine. ``keep``: asked at the end, whether the
    endpoint stays registered.
    """
    receiver = Receiver(host)
    try:
        receiver._start(hookshop)  # noqa: SLF001 – only this function starts and stops it
        yield receiver
    finally:
        if keep():
            receiver.endpoint_id = ""
        receiver._stop(hookshop)  # noqa: SLF001


def describe(webhook: ReceivedWebhook) -> str:
    """Return one line about a request."""
    event = webhook.event or {}
    what = f"{event.get('type', 'no event')} of order {event.get('order_id', '–')}"
    if webhook.fault:
        return f"{what}: fault {webhook.fault}"
    failure = webhook.verification.failure if webhook.verification else None
    verdict = f"not genuine: {failure.name}: {failure.detail}" if failure else "genuine"
    return f"{what}: {verdict}, answered with {webhook.status}"
