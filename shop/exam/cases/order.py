"""Keeps order straight: events of one order that overtake each other."""

from shop.exam.bench import Bench
from shop.exam.case import Case, Group, Level, Mission, Need, Observation
from shop.exam.judging import ends_as

DOCS = "docs/receivers.md#6-expect-any-order"
FINAL_STATE = "refunded"
PROBE = frozenset({Need.PROBE})


async def _refund_before_purchase(bench: Bench) -> Observation:
    shop = bench.shop
    async with bench.paused_endpoint():
        purchase = await shop.buy()
        refund = await shop.refund(purchase.order_id)
        await shop.cancel(purchase)
    first = await bench.deliver(refund)
    await shop.resend(purchase)
    exchanges = (first, await bench.deliver(purchase))
    state = await bench.order_state(purchase.order_id, expected=FINAL_STATE)
    return Observation(exchanges, order_state=state)


async def _shipped_after_refunded(bench: Bench) -> Observation:
    shop = bench.shop
    purchase, bought = await bench.buy()
    async with bench.paused_endpoint():
        shipping = await shop.ship(purchase.order_id)
        refund = await shop.refund(purchase.order_id)
        await shop.cancel(shipping)
    refunded = await bench.deliver(refund)
    await shop.resend(shipping)
    exchanges = (bought, refunded, await bench.deliver(shipping))
    state = await bench.order_state(purchase.order_id, expected=FINAL_STATE)
    return Observation(exchanges, order_state=state)


CASES = (
    Case(
        name="refund-before-purchase",
        group=Group.ORDER,
        mission=Mission.OUT_OF_ORDER,
        level=Level.SHOULD,
        needs=PROBE,
        is_slow=True,
        sends="The refund of an order arrives before its purchase.",
        expects="a 2xx for both, and the order is refunded in the end",
        why="After a retry, a later event overtakes an earlier one. A receiver that takes the last "
        "event for the truth sells what was given back.",
        docs=DOCS,
        play=_refund_before_purchase,
        judge=ends_as(FINAL_STATE),
    ),
    Case(
        name="shipped-after-refunded",
        group=Group.ORDER,
        mission=Mission.OUT_OF_ORDER,
        level=Level.SHOULD,
        needs=PROBE,
        is_slow=True,
        sends="An order is shipped and refunded; the refund arrives first.",
        expects="a 2xx for each, and the order is refunded in the end",
        why="A late event must not undo a newer one.",
        docs=DOCS,
        play=_shipped_after_refunded,
        judge=ends_as(FINAL_STATE),
    ),
)
