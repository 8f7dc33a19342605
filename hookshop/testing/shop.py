"""The shop of a test: orders, deliveries and endpoints."""

from collections.abc import Iterable

from hookshop.testing.http_client import ApiClient, Json, Query
from hookshop.testing.records import Delivery, Endpoint, Order, order_id_of

MAX_LISTED = 100  # the largest page of the API


class Shop:
    """A sandbox of the shop. ``url``: its base URL, with a page for ``page.goto``.

    ``api`` makes any other call.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.api = ApiClient(url, token)
        self.token = token

    @property
    def url(self) -> str:
        """Return the base URL: ``{url}/orders`` is the page of all orders."""
        return self.api.url

    @property
    def enter_url(self) -> str:
        """Return where a browser enters a sandbox that needs a token; else the base URL."""
        return f"{self.url}/enter#{self.token}" if self.token else self.url

    def buy(
        self,
        product: str = "mug",
        *,
        quantity: int = 1,
        customer: str = "",
        idempotency_key: str | None = None,
    ) -> Order:
        """Place an order of one product, given by its id such as ``fishing-rod``."""
        items = [{"product_id": product, "quantity": quantity}]
        headers = {"idempotency_key": idempotency_key} if idempotency_key else {}
        body: Json = {"items": items, "customer_name": customer}
        return Order.read(self.api.post("/v1/orders", body, **headers))

    def ship(self, order: Order | str) -> Order:
        """Ship the order, which sends ``purchase.shipped``."""
        return Order.read(self.api.post(f"/v1/orders/{order_id_of(order)}/ship"))

    def refund(self, order: Order | str) -> Order:
        """Refund the order, which sends ``purchase.refunded``."""
        return Order.read(self.api.post(f"/v1/orders/{order_id_of(order)}/refund"))

    def deliveries(self, order: Order | str | None = None, **filters: str | int) -> list[Delivery]:
        """Return the newest deliveries, at most 100, newest first.

        ``filters``: as in ``GET /v1/deliveries``, for example ``state="failed"``.
        """
        order_id = None if order is None else order_id_of(order)
        query: Query = {"limit": MAX_LISTED, "order_id": order_id, **filters}
        return [Delivery.read(each) for each in self.api.get("/v1/deliveries", query)["data"]]

    def delivery(self, delivery: Delivery | str) -> Delivery:
        """Return the delivery as it is now. Its ``document`` has all ``attempts``."""
        delivery_id = delivery if isinstance(delivery, str) else delivery.id
        return Delivery.read(self.api.get(f"/v1/deliveries/{delivery_id}"))

    def resend(self, delivery: Delivery | str) -> Delivery:
        """Send the delivery again now, whatever its state."""
        delivery_id = delivery if isinstance(delivery, str) else delivery.id
        return Delivery.read(self.api.post(f"/v1/deliveries/{delivery_id}/attempts"))

    def cancel(self, delivery: Delivery | str) -> Delivery:
        """Cancel a pending delivery: no more attempts."""
        delivery_id = delivery if isinstance(delivery, str) else delivery.id
        return Delivery.read(self.api.post(f"/v1/deliveries/{delivery_id}/cancel"))

    def endpoints(self) -> list[Endpoint]:
        """Return all endpoints, with their circuit breakers."""
        return [Endpoint.read(each) for each in self.api.get("/v1/webhooks")["data"]]

    def register(
        self, webhook_url: str, event_types: Iterable[str] = ("purchase.created",)
    ) -> Json:
        """Register an endpoint. Return the response, which has the ``secret``."""
        body: Json = {"webhook_url": webhook_url, "event_types": list(event_types)}
        return self.api.post("/v1/webhooks/register", body)

    def unregister(self, endpoint: Endpoint | str) -> None:
        """Delete the endpoint."""
        self.api.delete(f"/v1/webhooks/{_endpoint_id(endpoint)}")

    def pause(self, endpoint: Endpoint | str) -> Endpoint:
        """Pause an endpoint: its deliveries are on hold."""
        return self._set_status(endpoint, "paused")

    def resume(self, endpoint: Endpoint | str) -> Endpoint:
        """Resume an endpoint that is paused or disabled: its pending deliveries are sent."""
        return self._set_status(endpoint, "active")

    def ping(self, endpoint: Endpoint | str) -> Json:
        """Send a test event to the endpoint."""
        return self.api.post(f"/v1/webhooks/{_endpoint_id(endpoint)}/ping")

    def delivery_page(self, delivery: Delivery) -> str:
        """Return the address of the page about the delivery."""
        return f"{self.url}/deliveries/{delivery.id}"

    def _set_status(self, endpoint: Endpoint | str, status: str) -> Endpoint:
        path = f"/v1/webhooks/{_endpoint_id(endpoint)}"
        return Endpoint.read(self.api.patch(path, {"status": status}))


def _endpoint_id(endpoint: Endpoint | str) -> str:
    return endpoint if isinstance(endpoint, str) else endpoint.id
