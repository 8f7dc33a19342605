"""Ordinary deliveries of a shop, through its public JSON API. A run has a sandbox of its own."""

import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from hookshop.webkit import idle_connections
from shop.exam.wire import Answer, Exchange, WebhookRequest
from shop.vocabulary import AttemptError

SANDBOX_LIFETIME_SECONDS = 24 * 3600  # so that deliveries can be opened in the log afterwards
WAIT_SECONDS = 20  # longer than the deadline of an attempt
HTTP_TIMEOUT_SECONDS = 30.0
PRODUCT_ID = "fishing-rod"
_OF_THE_CONNECTION = frozenset({"host", "content-length", "connection"})
ALL_EVENTS = ("purchase.created", "purchase.shipped", "purchase.refunded")


class ShopFailed(Exception):  # noqa: N818 – the name says what happened
    """The shop of the exam did not do its part. The message is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The registered receiver. ``secret_id``: the ``kid`` of its tokens. ``issuer``: their iss."""

    id: str
    secret: str
    secret_id: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of the shop. ``value``: the total of its order."""

    delivery_id: str
    message_id: str
    order_id: str
    value: float


class ExamShop:
    """A client of the API of the exam's shop. ``url``: its base URL; ``token``: its admin token.

    A context manager that closes its connections.
    """

    def __init__(self, url: str, *, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # trust_env: a proxy of the environment must not come between the exam and its shop.
        self._http = httpx.AsyncClient(
            headers=headers,
            timeout=HTTP_TIMEOUT_SECONDS,
            trust_env=False,
            limits=httpx.Limits(keepalive_expiry=idle_connections.CLIENT_SECONDS),
        )
        self._url = url.rstrip("/")
        self.base_url = ""  # of the sandbox

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def open_sandbox(self) -> None:
        """Make the sandbox: one attempt for each delivery; breaker and disabling are off."""
        settings = {
            "expires_in_seconds": SANDBOX_LIFETIME_SECONDS,
            "retry_schedule": "0",
            "request_timeout_seconds": 10,
            "breaker_failures": 0,
            "disable_after_failures": 0,
        }
        made = await self._call("POST", f"{self._url}/v1/sandboxes", settings)
        self.base_url = made["base_url"]

    async def register(self, webhook_url: str, secret: str) -> Endpoint:
        """Register the receiver with the secret that it has. Raise ``ShopFailed``."""
        body = {"webhook_url": webhook_url, "event_types": ALL_EVENTS, "secret": secret}
        made = await self._call("POST", self._v1("webhooks/register"), body)
        return endpoint_of(made)

    async def forward(self, method: str, path: str, body: bytes) -> httpx.Response:
        """Pass a call of a receiver on to the sandbox. ``path``: after ``/v1/``."""
        headers = {"Content-Type": "application/json"} if body else {}
        return await self._http.request(method, self._v1(path), content=body, headers=headers)

    async def receive_all_events(self, endpoint_id: str) -> None:
        """Subscribe the receiver to all events, whatever it subscribed to."""
        await self._call("PATCH", self._v1(f"webhooks/{endpoint_id}"), {"event_types": ALL_EVENTS})

    async def rotate(self, endpoint_id: str, *, grace_seconds: int) -> tuple[str, str]:
        """Add a new secret; return it and its id."""
        body = {"grace_seconds": grace_seconds}
        made = await self._call("POST", self._v1(f"webhooks/{endpoint_id}/rotate-secret"), body)
        return made["secret"], made["secret_id"]

    async def buy(self) -> Sent:
        """Place an order."""
        body = {"items": [{"product_id": PRODUCT_ID, "quantity": 1}], "customer_name": "Exam"}
        order = await self._call("POST", self._v1("orders"), body)
        return _sent(order)

    async def ship(self, order_id: str) -> Sent:
        """Ship an order."""
        return _sent(await self._call("POST", self._v1(f"orders/{order_id}/ship")))

    async def refund(self, order_id: str) -> Sent:
        """Refund an order."""
        return _sent(await self._call("POST", self._v1(f"orders/{order_id}/refund")))

    async def set_status(self, endpoint_id: str, status: str) -> None:
        """Set the endpoint ``active`` or ``paused``. While it is paused, deliveries wait."""
        await self._call("PATCH", self._v1(f"webhooks/{endpoint_id}"), {"status": status})

    async def cancel(self, sent: Sent) -> None:
        """Cancel a delivery that waits."""
        await self._call("POST", self._v1(f"deliveries/{sent.delivery_id}/cancel"))

    async def resend(self, sent: Sent) -> None:
        """Send a delivery again, whatever its state."""
        await self._call("POST", self._v1(f"deliveries/{sent.delivery_id}/attempts"))

    async def last_exchange(self, sent: Sent) -> Exchange:
        """Wait until a delivery is not pending, and return its last attempt."""
        deadline = time.monotonic() + WAIT_SECONDS
        query = f"orders/{sent.order_id}?wait_for=settled&wait=2"
        while time.monotonic() < deadline:
            order = await self._call("GET", self._v1(query))
            delivery = await self._call("GET", self._v1(f"deliveries/{sent.delivery_id}"))
            if delivery["state"] in ("succeeded", "failed"):
                return self._exchange(delivery)
            if order[
                "satisfied"
            ]:  # what waits for an endpoint that is not active counts as settled
                raise ShopFailed(
                    f"the shop does not send {sent.delivery_id}: the endpoint is not active any "
                    "more, as after a response with 410"
                )
        raise ShopFailed(
            f"the shop did not send {sent.delivery_id} within {WAIT_SECONDS} s; is its worker up?"
        )

    def _v1(self, path: str) -> str:
        return f"{self.base_url}/v1/{path}"

    def _exchange(self, delivery: dict[str, Any]) -> Exchange:
        attempt = delivery["attempts"][-1]
        headers = attempt["request"]["headers"].items()
        request = WebhookRequest(
            tuple(pair for pair in headers if pair[0] not in _OF_THE_CONNECTION),
            attempt["request"]["body"].encode(),
            delivery["message_id"],
        )
        url = f"{self.base_url}/deliveries/{delivery['id']}"
        return Exchange(request, _answer(attempt), delivery_url=url)

    async def _call(self, method: str, url: str, body: dict[str, Any] | None = None) -> Any:
        try:
            response = await self._http.request(method, url, json=body)
        except httpx.HTTPError as error:
            raise ShopFailed(f"the shop at {self._url} does not answer: {error!r}") from error
        if response.is_error:
            raise ShopFailed(f"{method} {url}: {response.status_code} {_detail(response)}")
        return response.json() if response.content else None


def endpoint_of(made: dict[str, Any]) -> Endpoint:
    """Return the endpoint in the response to a registration."""
    return Endpoint(made["id"], made["secret"], made["secret_id"], made["issuer"])


def _sent(order: dict[str, Any]) -> Sent:
    if not order["deliveries"]:
        raise ShopFailed(
            "the shop has no active endpoint for the order: a response with 410 disables it"
        )
    last = order["deliveries"][-1]
    return Sent(last["id"], last["message_id"], order["id"], order["total_cents"] / 100)


def _answer(attempt: dict[str, Any]) -> Answer:
    seconds = attempt["duration_ms"] / 1000
    if attempt["response"] is None:
        return Answer(error=AttemptError(attempt["error"]), seconds=seconds)
    response = attempt["response"]
    headers = tuple(response["headers"].items())
    return Answer(
        response["status"], seconds=seconds, headers=headers, body=response["body"].encode()
    )


def _detail(response: httpx.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return response.text[:200]
