"""The subscriber of a test: receipts, faults and defenses."""

from hookshop.testing.http_client import ApiClient, Json, Query
from hookshop.testing.records import Order, Receipt, order_id_of

MAX_LISTED = 100  # the largest page of the API


class Subscriber:
    """A sandbox of the subscriber. ``url``: its base URL, with the page of its inbox.

    ``endpoint_id``: its endpoint at the shop. ``api`` makes any other call.
    """

    def __init__(self, url: str, token: str | None = None, endpoint_id: str | None = None) -> None:
        self.api = ApiClient(url, token)
        self.token = token
        self.endpoint_id = endpoint_id

    @property
    def url(self) -> str:
        """Return the base URL, which is the page of the inbox; ``{url}/purchases`` is another."""
        return self.api.url

    @property
    def enter_url(self) -> str:
        """Return where a browser enters a sandbox that needs a token; else the base URL."""
        return f"{self.url}/enter#{self.token}" if self.token else self.url

    def fail_next(self, *faults: str) -> None:
        """Let the next requests fail, one word for each; after them, responses are normal.

        Words: a status such as ``503``, ``429:5`` (with Retry-After), ``slow:3``, ``timeout``,
        ``drop``, ``accept_then_500``, and ``200`` for a normal response. They replace earlier ones.
        """
        self.api.put("/v1/faults", {"mode": "script", "script": " ".join(faults)})

    def fail_always(self, status: int = 503) -> None:
        """Respond to all requests with this status, until ``respond_normally``."""
        self.api.put("/v1/faults", {"mode": "status", "status": status})

    def respond_normally(self) -> None:
        """End all faults."""
        self.api.put("/v1/faults", {"mode": "none"})

    def receipts(self, order: Order | str | None = None, **filters: str | int) -> list[Receipt]:
        """Return the newest receipts, at most 100, newest first.

        ``filters``: as in ``GET /v1/receipts``, for example ``verdict="rejected"``.
        """
        order_id = None if order is None else order_id_of(order)
        query: Query = {"limit": MAX_LISTED, "order_id": order_id, **filters}
        return [Receipt.read(each) for each in self.api.get("/v1/receipts", query)["data"]]

    def switch_defenses(self, **defenses: bool) -> None:
        """Switch defenses, for example ``deduplication=False``; the others stay."""
        self.api.patch("/v1/defences", dict(defenses))

    def stats(self) -> Json:
        """Return the totals of ``GET /v1/stats``."""
        return self.api.get("/v1/stats")

    def receipt_page(self, receipt: Receipt) -> str:
        """Return the address of the page about the receipt."""
        return f"{self.url}/receipts/{receipt.id}"

    def trace_page(self, message_id: str) -> str:
        """Return the address of the page that shows a message in both applications."""
        return f"{self.url}/story?message_id={message_id}"
