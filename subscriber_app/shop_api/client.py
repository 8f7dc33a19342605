"""An HTTP client for the shop's JSON API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from hookshop.webkit.times import rfc3339
from subscriber_app.connections import SharedConnections
from subscriber_app.shop_api.delivery_log import (
    ListedDelivery,
    ListedOrder,
    OrderLine,
    ShopDelivery,
    read_delivery,
    read_list,
    read_order_lines,
    read_orders,
)
from subscriber_app.shop_api.endpoint import (
    ListedEndpoint,
    RefusedRegistration,
    Registration,
    RotatedSecret,
    ShopEndpoint,
    is_id,
    read_endpoint,
    read_endpoints,
    read_refusals,
    read_registration,
    read_rotation,
)
from subscriber_app.shop_api.errors import ShopError, ShopUnreachable
from subscriber_app.shop_api.exams import ShopExam, read_exam

TIMEOUT_SECONDS = 5.0
CHANGE_TIMEOUT_SECONDS = 30.0  # to empty a large shop


class AlreadyRegistered(ShopError):  # noqa: N818 – the name says what happened
    """Our URL is registered as the endpoint ``endpoint_id``, whose secret we do not have."""

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f"our URL is already registered, as {endpoint_id}")
        self.endpoint_id = endpoint_id


class TooManySecrets(ShopError):  # noqa: N818 – the name says what happened
    """The shop's maximum of live secrets is reached. The oldest may be replaced."""


class CannotAdvance(ShopError):  # noqa: N818 – the name says what happened
    """The shop cannot skip time now. ``status``: of its response; the message says what to do."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class ShopTotals:
    """What the shop has sold since a time. ``undelivered``: deliveries to us that are not final.

    ``refunded_cents`` is positive. ``earlier_cents``: net, from before that time; None if the shop
    does not report it.
    """

    gross_cents: int
    refunded_cents: int
    undelivered: int
    earlier_cents: int | None = None

    @property
    def revenue_cents(self) -> int:
        """Return the net revenue: gross minus refunds."""
        return self.gross_cents - self.refunded_cents


@dataclass(frozen=True, slots=True)
class ShopSandbox:
    """A new sandbox of the shop. ``token``: opens it; None if everything is open."""

    id: str
    base_url: str
    token: str | None


class ShopClient:
    """The calls to one shop. ``token``: of the shop or of its sandbox, if it requires one."""

    def __init__(
        self, connections: SharedConnections, shop_url: str, *, token: SecretStr | None = None
    ) -> None:
        self.shop_url = shop_url
        headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        self._http = connections.client(shop_url, timeout_seconds=TIMEOUT_SECONDS, headers=headers)

    async def register(
        self, webhook_url: str, event_types: Sequence[str], description: str = "The subscriber"
    ) -> Registration:
        """Register a URL. Raise ``AlreadyRegistered``, ``ShopUnreachable`` or ``ShopError``."""
        body = {
            "webhook_url": webhook_url,
            "event_types": list(event_types),
            "description": description,
        }
        response = await self._call("POST", "/v1/webhooks/register", json=body)
        document = _document(response)
        if response.status_code == httpx.codes.CONFLICT and is_id(document.get("endpoint_id")):
            raise AlreadyRegistered(document["endpoint_id"])
        if response.status_code != httpx.codes.CREATED:
            raise ShopError(f"The shop refused: {document.get('detail', response.status_code)}")
        return read_registration(document)

    async def delete(self, endpoint_id: str) -> None:
        """Delete an endpoint if it exists. Raise ``ShopUnreachable`` or ``ShopError``."""
        response = await self._call("DELETE", f"/v1/webhooks/{endpoint_id}")
        if response.status_code != httpx.codes.NO_CONTENT and not _is_unknown(response):
            raise ShopError(f"The shop answered {response.status_code}")

    async def rotate_secret(
        self, endpoint_id: str, grace: timedelta, *, replace_oldest: bool = False
    ) -> RotatedSecret:
        """Create a new secret. The shop also signs with the old one until ``grace`` ends.

        ``replace_oldest``: expire the oldest if there would be too many. Raise ``TooManySecrets``,
        ``ShopUnreachable`` or ``ShopError``.
        """
        body: dict[str, Any] = {"grace_seconds": int(grace.total_seconds())}
        if replace_oldest:  # left out otherwise: an older shop does not know it
            body["replace_oldest"] = True
        response = await self._call("POST", f"/v1/webhooks/{endpoint_id}/rotate-secret", json=body)
        document = _document(response)
        rejection = f"The shop refused: {document.get('detail', response.status_code)}"
        if response.status_code == httpx.codes.CONFLICT:
            raise TooManySecrets(rejection)
        if response.status_code != httpx.codes.OK:
            raise ShopError(rejection)
        return read_rotation(document)

    async def endpoint(self, endpoint_id: str) -> ShopEndpoint | None:
        """Return the endpoint, or None if the shop has no such endpoint.

        Raise ``ShopUnreachable``.
        """
        response = await self._call("GET", f"/v1/webhooks/{endpoint_id}")
        if _is_unknown(response):
            return None
        if response.status_code != httpx.codes.OK:
            raise ShopUnreachable(f"The shop answered {response.status_code}")
        return read_endpoint(_document(response))

    async def reset(self) -> None:
        """Empty the shop, or its sandbox, but keep its endpoints. Raise ``ShopError``."""
        await self._change("POST", "/v1/sandbox/reset", json={"keep": ["endpoints"]})

    async def advance_clock(self, distance: timedelta | None) -> dict[str, Any]:
        """Start to skip time; None: up to the next attempt. Return the shop's clock.

        Raise ``CannotAdvance``, ``ShopUnreachable`` or ``ShopError``.
        """
        body: dict[str, Any] = {"to": "next_attempt"}
        if distance is not None:
            body = {"seconds": distance.total_seconds()}
        response = await self._call("POST", "/v1/clock/advance", json=body)
        document = _document(response)
        if response.status_code in {httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise CannotAdvance(response.status_code, str(document.get("detail")))
        _require_clock(response)
        return document

    async def clock(self, *, wait_seconds: float) -> dict[str, Any]:
        """Return the shop's clock, as soon as it is ready or after ``wait_seconds``.

        Raise ``ShopUnreachable`` or ``ShopError``.
        """
        timeout = TIMEOUT_SECONDS + wait_seconds
        query = {"wait": wait_seconds}
        response = await self._call("GET", "/v1/clock", params=query, timeout=timeout)
        document = _document(response)
        _require_clock(response)
        return document

    async def make_sandbox(self, sandbox_id: str | None, expires_in_seconds: int) -> ShopSandbox:
        """Make a sandbox of the shop. ``sandbox_id``: None for one that nobody can guess.

        Raise ``ShopError``.
        """
        body: dict[str, Any] = {"expires_in_seconds": expires_in_seconds}
        if sandbox_id:
            body["id"] = sandbox_id
        document = await self._change("POST", "/v1/sandboxes", json=body)
        id_, url, token = (document.get(name) for name in ("id", "base_url", "token"))
        if not is_id(id_) or not isinstance(url, str) or not isinstance(token, str | None):
            raise ShopUnreachable("The shop's response has no valid id and base_url")
        return ShopSandbox(str(id_), url, token)

    async def drop_sandbox(self, sandbox_id: str) -> None:
        """Drop a sandbox of the shop if it exists. Raise ``ShopError``."""
        response = await self._call("DELETE", f"/v1/sandboxes/{sandbox_id}")
        if response.status_code != httpx.codes.NO_CONTENT and not _is_unknown(response):
            raise ShopError(f"The shop answered {response.status_code}")

    async def totals(self, *, since: datetime, endpoint_id: str) -> ShopTotals:
        """Return what the shop has sold. Raise ``ShopUnreachable`` or ``ShopError``.

        ``endpoint_id``: ours. Deliveries to other endpoints do not count as undelivered.
        """
        document = await self._read("/v1/stats", since=rfc3339(since), endpoint_id=endpoint_id)
        deliveries = document.get("deliveries")
        if not isinstance(deliveries, dict):
            raise ShopUnreachable("The shop's response has no deliveries")
        has_earlier = "earlier_cents" in document
        return ShopTotals(
            gross_cents=_number(document, "gross_cents"),
            refunded_cents=_number(document, "refunded_cents"),
            undelivered=_number(deliveries, "pending") + _number(deliveries, "sending"),
            earlier_cents=_number(document, "earlier_cents") if has_earlier else None,
        )

    async def deliveries_of(self, message_id: str) -> list[ListedDelivery]:
        """Return the newest hundred deliveries of a message.

        Raise ``ShopUnreachable`` or ``ShopError``.
        """
        return read_list(await self._read("/v1/deliveries", message_id=message_id, limit=100))

    async def deliveries_to(
        self, endpoint_id: str, *, since: datetime, max_pages: int
    ) -> list[ListedDelivery]:
        """Return the deliveries to an endpoint that were created since then, newest first.

        At most ``max_pages`` hundred of them. Raise ``ShopUnreachable`` or ``ShopError``.
        """
        found: list[ListedDelivery] = []
        query: dict[str, str | int] = {"endpoint_id": endpoint_id, "limit": 100}
        for _ in range(max_pages):
            document = await self._read("/v1/deliveries", **query)
            page = read_list(document)
            found += [each for each in page if each.created_at and each.created_at >= since]
            cursor = document.get("next_cursor")
            if len(found) % 100 or not page or not isinstance(cursor, str):
                break
            query["cursor"] = cursor
        return found

    async def newest_orders(self, limit: int) -> list[ListedOrder]:
        """Return the newest orders, newest first. Raise ``ShopUnreachable`` or ``ShopError``."""
        return read_orders(await self._read("/v1/orders", limit=limit))

    async def endpoints(self) -> list[ListedEndpoint]:
        """Return all endpoints. Raise ``ShopUnreachable`` or ``ShopError``."""
        return read_endpoints(await self._read("/v1/webhooks"))

    async def refused_registrations(self) -> list[RefusedRegistration]:
        """Return the newest, newest first. Raise ``ShopUnreachable`` or ``ShopError``."""
        return read_refusals(await self._read("/v1/refused-registrations"))

    async def start_exam(
        self, url: str, secret: str, *, only: Sequence[str], probe_url: str, probe_token: str
    ) -> ShopExam:
        """Examine a receiver with the cases and groups ``only``. ``probe_url``: "" without one.

        Raise ``ShopUnreachable``, or ``ShopError``, for example if an exam is under way.
        """
        body = {"url": url, "secret": secret, "only": list(only)}
        body |= {"probe_url": probe_url, "probe_token": probe_token}
        return read_exam(await self._change("POST", "/v1/exams", json=body))

    async def exam(self, exam_id: str) -> ShopExam | None:
        """Return a run, or None if the shop has no such run.

        Raise ``ShopUnreachable`` or ``ShopError``.
        """
        response = await self._call("GET", f"/v1/exams/{exam_id}")
        if _is_unknown(response):
            return None
        if response.status_code != httpx.codes.OK:
            raise ShopError(f"The shop answered {response.status_code}")
        return read_exam(_document(response))

    async def activate(self, endpoint_id: str) -> None:
        """Activate a paused or disabled endpoint. Raise ``ShopUnreachable`` or ``ShopError``."""
        await self._change("PATCH", f"/v1/webhooks/{endpoint_id}", json={"status": "active"})

    async def recover(self, endpoint_id: str, since: datetime) -> None:
        """Resend what an endpoint has missed since then.

        Raise ``ShopUnreachable`` or ``ShopError``.
        """
        path = f"/v1/webhooks/{endpoint_id}/recover"
        await self._change("POST", path, json={"since": rfc3339(since)})

    async def delivery(self, delivery_id: str) -> ShopDelivery:
        """Return one delivery with its attempts. Raise ``ShopUnreachable`` or ``ShopError``."""
        return read_delivery(await self._read(f"/v1/deliveries/{quote(delivery_id, safe='')}"))

    async def order_lines(self, order_id: str) -> list[OrderLine]:
        """Return what was ordered. Raise ``ShopUnreachable`` or ``ShopError``."""
        return read_order_lines(await self._read(f"/v1/orders/{quote(order_id, safe='')}"))

    async def _read(self, path: str, **query: str | int) -> dict[str, Any]:
        response = await self._call("GET", path, params=query)
        if response.status_code != httpx.codes.OK:
            raise ShopError(f"The shop answered {response.status_code}")
        return _document(response)

    async def _change(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the response to a call that may take a while."""
        response = await self._call(method, path, timeout=CHANGE_TIMEOUT_SECONDS, **options)
        document = _document(response)
        if not response.is_success:
            raise ShopError(f"The shop refused: {document.get('detail', response.status_code)}")
        return document

    async def _call(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = await self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise ShopUnreachable(
                f"No response from {self.shop_url}: {str(error) or type(error).__name__}"
            ) from error
        if response.is_server_error:
            raise ShopUnreachable(f"The shop answered {response.status_code}")
        return response


def _require_clock(response: httpx.Response) -> None:
    if response.status_code == httpx.codes.NOT_FOUND:
        raise ShopError("The shop has no clock: upgrade it to a version that can skip time")
    if not response.is_success:
        detail = _document(response).get("detail", response.status_code)
        raise ShopError(f"The shop refused: {detail}")


def _number(document: dict[str, Any], name: str) -> int:
    number = document.get(name)
    if type(number) is not int:
        raise ShopUnreachable(f"The shop's response has no number {name}")
    return number


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ShopUnreachable("The response is not a JSON object, as the shop's API sends")
    return document


def _is_unknown(response: httpx.Response) -> bool:
    """Return whether the shop has no such endpoint. Raise ``ShopUnreachable``.

    A 404 without JSON does not say so: it may come from a proxy or another server.
    """
    return response.status_code == httpx.codes.NOT_FOUND and bool(_document(response))
