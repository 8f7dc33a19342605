"""The actions that pages and API share: one transaction each, and what follows its commit.

After the commit, a worker is woken and the change is announced to open pages. Both are best effort:
an action never fails because of Redis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hookshop.webkit.encryption import Encryption
from hookshop.webkit.group_commit import GroupCommit
from hookshop.webkit.times import utc_now
from shop.database.models import Endpoint
from shop.database.transactions import Database
from shop.orders import fulfilment, steady
from shop.orders.fulfilment import OrderUpdate
from shop.orders.idempotency import IdempotencyKey, find_order_id, store_key
from shop.orders.placing import Item, NewOrder, PlacedOrder, place_order, price_order
from shop.orders.steady import Switch
from shop.redis.change_feed import Change, ChangeFeed
from shop.redis.wake_ups import WakeUps
from shop.webhooks import clock, manual_actions, recovery
from shop.webhooks.endpoints import deletion, registry, secrets
from shop.webhooks.endpoints.refusals import record_refusal
from shop.webhooks.endpoints.registry import EndpointChange, NewEndpoint, Registered
from shop.webhooks.queries.deliveries import DeliveryDetail, DeliveryFilter, find_delivery
from shop.webhooks.recovery import Recovery, RecoveryRange
from shop.webhooks.rules.url_policy import UrlPolicy
from shop.webhooks.rules.urls import UrlRefused


@dataclass(frozen=True, slots=True)
class EarlierOrder:
    """The order that a repeated request has placed before."""

    id: str


@dataclass(frozen=True, slots=True)
class RotatedSecret:
    """A new secret in plain text. ``grace_ends_at``: when the secrets before it expire."""

    id: str
    secret: str
    grace_ends_at: datetime


@dataclass(frozen=True, slots=True)
class Actions:
    """Orders, deliveries and endpoints, as a person or an API client changes them."""

    database: Database
    wake_ups: WakeUps
    feed: ChangeFeed
    encryption: Encryption
    order_commits: GroupCommit[NewOrder, PlacedOrder]

    async def place_order(self, items: Sequence[Item], customer_name: str) -> PlacedOrder:
        """Place an order. Raise ``UnknownProduct``; then nothing is ordered."""
        placed = await self.order_commits.commit(price_order(items, customer_name))
        self._after_order(placed)
        return placed

    async def place_order_once(
        self, key: IdempotencyKey, items: Sequence[Item], customer_name: str
    ) -> PlacedOrder | EarlierOrder:
        """Place an order, unless one was placed with the same key before.

        Raise ``UnknownProduct``, or ``IdempotencyKeyReused`` if that order was a different one.
        """
        order = price_order(items, customer_name)
        async with self.database.writing() as session:
            if earlier_id := await find_order_id(session, key):
                return EarlierOrder(earlier_id)
            placed = await place_order(session, order, now=utc_now())
            store_key(session, key, placed.id, now=placed.created_at)
        self._after_order(placed)
        return placed

    async def start_steady_orders(self) -> None:
        """Switch the steady orders on, for ten minutes from now."""
        async with self.database.writing() as session:
            await steady.start(session, now=utc_now())

    async def stop_steady_orders(self) -> None:
        """Switch the steady orders off."""
        async with self.database.writing() as session:
            await steady.stop(session)

    async def place_steady_order(self, seen: Switch, item: Item, customer_name: str) -> bool:
        """Place the next of the steady orders. Return False if another process has placed it.

        ``seen``: the switch as this process has read it.
        """
        order = price_order([item], customer_name)
        async with self.database.writing() as session:
            if not await steady.claim_next(session, seen, now=utc_now()):
                return False
            placed = await place_order(session, order, now=utc_now())
        self._after_order(placed)
        return True

    async def ship(self, order_id: str) -> OrderUpdate | None:
        """Ship an order. Return None if there is none. Raise ``InvalidOrderState``."""
        async with self.database.writing() as session:
            update = await fulfilment.ship(session, order_id, now=utc_now())
        return await self._after_update(update)

    async def refund(self, order_id: str) -> OrderUpdate | None:
        """Refund an order. Return None if there is none. Raise ``InvalidOrderState``."""
        async with self.database.writing() as session:
            update = await fulfilment.refund(session, order_id, now=utc_now())
        return await self._after_update(update)

    async def resend(self, delivery_id: str) -> tuple[DeliveryDetail | None, bool]:
        """Make a delivery due now. Return it as it is then, and whether it was possible."""
        async with self.database.writing() as session:
            is_due = await manual_actions.resend(session, delivery_id, now=utc_now())
            found = await find_delivery(session, delivery_id)
        if found and is_due:
            await self._after_commit(_changed(found), due=[delivery_id])
        return found, is_due

    async def cancel(self, delivery_id: str) -> tuple[DeliveryDetail | None, bool]:
        """Cancel a waiting delivery. Return it as it is then, and whether it was waiting."""
        async with self.database.writing() as session:
            is_cancelled = await manual_actions.cancel(session, delivery_id, now=utc_now())
            found = await find_delivery(session, delivery_id)
        if found and is_cancelled:
            await self._after_commit(_changed(found))
        return found, is_cancelled

    async def resend_undelivered(self, wanted: DeliveryFilter) -> int:
        """Resend all undelivered deliveries that match the filter. Return how many."""
        try:
            return await recovery.resend_undelivered(self.database, wanted, clock=utc_now)
        finally:
            await self._after_many()

    async def register(self, wanted: NewEndpoint, policy: UrlPolicy) -> Registered:
        """Register an endpoint. Raise ``UrlRefused``, which is stored, or ``AlreadyRegistered``."""
        try:
            async with self.database.writing() as session:
                registered = await registry.register(
                    session, wanted, policy=policy, encryption=self.encryption, now=utc_now()
                )
        except UrlRefused as refusal:
            async with self.database.writing() as session:
                await record_refusal(session, wanted.webhook_url, refusal, now=utc_now())
            await self._after_commit(Change("endpoint"))
            raise
        await self._after_commit(Change("endpoint", registered.endpoint.id))
        return registered

    async def change_endpoint(self, endpoint_id: str, change: EndpointChange) -> Endpoint | None:
        """Change an endpoint. Return None if there is none. Raise ``CannotPauseDisabled``."""
        async with self.database.writing() as session:
            endpoint = await registry.change(session, endpoint_id, change)
        if endpoint:
            await self._after_commit(Change("endpoint", endpoint_id))
        return endpoint

    async def advance_clock(self, distance: timedelta | None) -> None:
        """Skip this much time; None: as far as the next attempt.

        This and the three methods below start an advance, which workers carry out. They raise
        ``AlreadyAdvancing``, ``TooManyPending`` or ``NothingToSkip``.
        """
        async with self.database.writing() as session:
            if distance is None:
                await clock.advance_to_next_attempt(session, now=utc_now())
            else:
                await clock.advance(session, distance)
        await self._after_advance()

    async def skip_to_attempt_of(self, delivery_id: str) -> bool:
        """Skip time up to the next attempt of this delivery. Return False if there is none."""
        async with self.database.writing() as session:
            has_started = await clock.advance_to_attempt_of(session, delivery_id)
        return await self._after_advance(has_started)

    async def skip_to_end_of(self, delivery_id: str) -> bool:
        """Skip time until this delivery has succeeded or failed. Return False if there is none."""
        async with self.database.writing() as session:
            has_started = await clock.advance_to_end_of(session, delivery_id)
        return await self._after_advance(has_started)

    async def skip_to_probe_of(self, endpoint_id: str) -> bool:
        """Skip time up to the next probe of this endpoint, or the end of its Retry-After.

        Return False if there is none.
        """
        async with self.database.writing() as session:
            has_started = await clock.advance_to_probe_of(session, endpoint_id, now=utc_now())
        return await self._after_advance(has_started)

    async def rotate_secret(
        self, endpoint_id: str, *, grace: timedelta, replace_oldest: bool
    ) -> RotatedSecret:
        """Add a secret to an endpoint and return it. Raise ``TooManySecrets``."""
        now = utc_now()
        async with self.database.writing() as session:
            new = await secrets.rotate(
                session,
                endpoint_id,
                grace=grace,
                encryption=self.encryption,
                now=now,
                replace_oldest=replace_oldest,
            )
        await self._after_commit(Change("endpoint", endpoint_id))
        return RotatedSecret(new.id, new.secret, grace_ends_at=now + grace)

    async def ping(self, endpoint_id: str) -> str | None:
        """Send a test event. Return its delivery's id, or None if the endpoint is disabled."""
        async with self.database.writing() as session:
            delivery_id = await manual_actions.ping(session, endpoint_id, now=utc_now())
        if delivery_id:
            await self._after_commit(Change("delivery", delivery_id), due=[delivery_id])
        return delivery_id

    async def recover(self, endpoint: Endpoint, span: RecoveryRange) -> Recovery:
        """Resend what an endpoint did not get in a time range, and create what it missed."""
        try:
            return await recovery.recover(self.database, endpoint, span, clock=utc_now)
        finally:
            await self._after_many()

    async def delete_endpoint(self, endpoint_id: str) -> bool:
        """Delete an endpoint and cancel what waits for it. Return False if there is none."""
        is_deleted = await deletion.delete_endpoint(self.database, endpoint_id, clock=utc_now)
        if is_deleted:
            await self._after_many()
        return is_deleted

    def _after_order(self, placed: PlacedOrder) -> None:
        """Wake a worker and announce the order, without waiting: orders that come at once share."""
        self.wake_ups.send(*placed.message.delivery_ids)
        self.feed.announce_soon(Change("order", placed.id))

    async def _after_update(self, update: OrderUpdate | None) -> OrderUpdate | None:
        if update:
            await self._after_commit(Change("order", update.order.id), due=update.delivery_ids)
        return update

    async def _after_advance(self, has_started: bool = True) -> bool:
        """Wake a worker, which takes the first step of the advance."""
        if has_started:
            self.wake_ups.send()
            await self.feed.announce(Change("clock"))
        return has_started

    async def _after_commit(self, change: Change, *, due: Sequence[str] = ()) -> None:
        """Wake a worker for deliveries that are due, and announce what changed."""
        if due:
            self.wake_ups.send(*due)
        await self.feed.announce(change)

    async def _after_many(self) -> None:
        """Announce a change of many rows. Also after a failure: some steps may have committed.

        Workers find what is due by polling: thousands of ids would only flood the log.
        """
        await self.feed.announce(Change("everything"))


def _changed(found: DeliveryDetail) -> Change:
    return Change("delivery", found.delivery.id, order_id=found.message.order_id)
