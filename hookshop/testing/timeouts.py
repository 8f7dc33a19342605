"""What a wait that timed out says: what is there instead, what holds it up, and what to do."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from hookshop.testing.http_client import HookshopError, Json
from hookshop.testing.records import Delivery, Endpoint, Receipt
from hookshop.testing.shop import Shop
from hookshop.testing.subscriber import Subscriber

MAX_LINES = 10  # of one list
UNFINISHED = ("pending", "sending")


class WaitTimeoutError(HookshopError, AssertionError):
    """What a test waited for did not happen. The message says what happened instead."""


def no_delivery(
    shop: Shop, subscriber: Subscriber, order_id: str, wanted: str, seconds: float
) -> WaitTimeoutError:
    """Return the error of ``wait_for_delivery``. ``wanted``: such as "a delivery"."""
    lines = [f"After {seconds:g} s, order {order_id} does not have {wanted}."]
    lines += _about_order(shop, subscriber, order_id)
    return WaitTimeoutError("\n".join(lines))


def no_receipt(
    shop: Shop, subscriber: Subscriber, order_id: str, wanted: str, seconds: float
) -> WaitTimeoutError:
    """Return the error of ``wait_for_receipt``. ``wanted``: such as "a receipt"."""
    lines = [f"After {seconds:g} s, order {order_id} does not have {wanted}."]
    receipts = subscriber.receipts(order_id)
    if receipts:
        lines.append("The subscriber has these receipts of the order:")
        lines += _cut([f"  {_receipt_line(receipt)}" for receipt in receipts])
    else:
        others = len(subscriber.receipts())
        lines.append(f"The subscriber has no receipt of this order, and {others} of others.")
    lines += _about_order(shop, subscriber, order_id)
    return WaitTimeoutError("\n".join(lines))


def not_quiet(
    shop: Shop, subscriber: Subscriber, level: str, found: Json, seconds: float
) -> WaitTimeoutError:
    """Return the error of ``wait_until_quiet``. ``found``: the last response."""
    counts = ", ".join(
        f"{found[name]} {name.replace('_', ' ')}"
        for name in ("in_flight", "due", "pending", "held")
    )
    unfinished = [each for state in UNFINISHED for each in shop.deliveries(state=state)]
    lines = [f"After {seconds:g} s, the shop is not {level}: {counts}."]
    lines += _about_deliveries(shop, subscriber, unfinished)
    return WaitTimeoutError("\n".join(lines))


def still_advancing(
    shop: Shop, subscriber: Subscriber, found: Json, seconds: float
) -> WaitTimeoutError:
    """Return the error of ``advance_time``. ``found``: the last response."""
    lines = [f"After {seconds:g} s, the clock is still {found.get('state', 'advancing')}."]
    if waits := found.get("step_waits_for"):
        until = f", until {waits['until']} at the latest" if waits.get("until") else ""
        lines.append(
            f"Each step waits for real attempts: {waits['in_flight']} in flight{until}, "
            f"and {waits['due']} due."
        )
    unfinished = [each for state in UNFINISHED for each in shop.deliveries(state=state)]
    lines += _about_deliveries(shop, subscriber, unfinished)
    return WaitTimeoutError("\n".join(lines))


def _about_order(shop: Shop, subscriber: Subscriber, order_id: str) -> Iterator[str]:
    """Return the lines about its deliveries, or why it has none."""
    deliveries = shop.deliveries(order_id)
    if deliveries:
        return _about_deliveries(shop, subscriber, deliveries)
    return _why_no_delivery(shop, order_id)


def _about_deliveries(
    shop: Shop, subscriber: Subscriber, deliveries: Sequence[Delivery]
) -> Iterator[str]:
    """Yield the state of each delivery, its page, and what to do about those that wait."""
    if not deliveries:
        return
    endpoints = {endpoint.id: endpoint for endpoint in shop.endpoints()}
    yield "Deliveries:"
    yield from _cut([_delivery_line(shop, each, endpoints) for each in deliveries])
    yield "Traces:"
    traces = {subscriber.trace_page(each.message_id): None for each in deliveries}
    yield from _cut([f"  {page}" for page in traces])
    if any(each.state == "pending" and each.next_attempt_at for each in deliveries):
        yield 'To skip the wait: hookshop.advance_time(to="next_attempt"), or hours=1.'


def _delivery_line(shop: Shop, delivery: Delivery, endpoints: dict[str, Endpoint]) -> str:
    endpoint = endpoints.get(delivery.endpoint_id)
    target = endpoint.webhook_url if endpoint else f"a deleted endpoint {delivery.endpoint_id}"
    state = f"{delivery.state} after {_count(delivery.attempt_count, 'attempt')}"
    parts = [
        f"  {delivery.event_type} to {target}: {state}",
        *_last_result(delivery),
        *_next_attempt(delivery),
        *(_hold(endpoint) if endpoint and delivery.state in UNFINISHED else ()),
    ]
    return "; ".join(parts) + f"\n    {shop.delivery_page(delivery)}"


def _last_result(delivery: Delivery) -> Iterator[str]:
    if delivery.last_status is not None:
        yield f"the last response was {delivery.last_status}"
    elif delivery.last_error:
        yield f"the last attempt had no response: {delivery.last_error}"


def _next_attempt(delivery: Delivery) -> Iterator[str]:
    if delivery.next_attempt_at and delivery.state == "pending":
        seconds = (delivery.next_attempt_at - datetime.now(UTC)).total_seconds()
        when = f"in {seconds:.1f} s" if seconds > 0 else "due now"
        yield f"the next attempt is {when}"


def _hold(endpoint: Endpoint) -> Iterator[str]:
    if endpoint.status != "active":
        reason = endpoint.document.get("disabled_reason")
        yield f"on hold: the endpoint is {endpoint.status}" + (f" ({reason})" if reason else "")
    elif endpoint.breaker != "closed":
        breaker = endpoint.document["breaker"]
        yield (
            f"on hold: the circuit breaker is {endpoint.breaker} after "
            f"{_count(breaker['consecutive_failures'], 'failure')} in a row, "
            f"next probe at {breaker['next_probe_at']}"
        )


def _why_no_delivery(shop: Shop, order_id: str) -> Iterator[str]:
    endpoints = shop.endpoints()
    if not endpoints:
        yield "The shop has no endpoint, so it sends nothing. Subscribe before you buy."
        return
    yield "The order has no delivery. The endpoints of the shop are:"
    yield from _cut(
        [
            f"  {each.webhook_url}: {each.status}, subscribed to "
            + ", ".join(each.document["event_types"])
            for each in endpoints
        ]
    )
    newest = [each.order_id for each in shop.deliveries()[:MAX_LINES] if each.order_id]
    if newest:
        others = ", ".join(dict.fromkeys(newest))
        yield f"Is {order_id} of this sandbox? The newest deliveries are about {others}."


def _receipt_line(receipt: Receipt) -> str:
    reason = f" ({receipt.reason})" if receipt.reason else ""
    status = f"answered with {receipt.status}" if receipt.status else "not answered"
    fault = f", fault {receipt.fault}" if receipt.fault else ""
    return f"{receipt.event_type or 'not read'}: {receipt.verdict}{reason}, {status}{fault}"


def _cut(lines: list[str]) -> list[str]:
    more = len(lines) - MAX_LINES
    return [*lines[:MAX_LINES], f"  and {more} more"] if more > 0 else lines


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
