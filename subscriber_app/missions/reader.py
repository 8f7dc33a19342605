"""Reads the facts of one mission: the subscriber's own rows, and the shop's over its API."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.encryption import Encryption
from subscriber_app.database.models import (
    AttackResult,
    FormerSecret,
    MissionProgress,
    OwnReceiver,
    Polling,
    Purchase,
    PurchaseState,
    Receipt,
    Subscription,
)
from subscriber_app.database.transactions import Database
from subscriber_app.explaining.two_ways import read_seen_orders
from subscriber_app.faults import Faults
from subscriber_app.lab.attacks import USER_AGENT
from subscriber_app.lab.old_secret import USER_AGENT as OLD_SECRET_AGENT
from subscriber_app.missions.checks import Checks
from subscriber_app.missions.facts import (
    EDITED,
    AttemptFact,
    BookingFact,
    Check,
    DeliveryFact,
    EndpointFact,
    Facts,
    FormerSecretFact,
    Money,
    OrderSeenFact,
    OwnReceiverFact,
    PollsFact,
    PurchaseFact,
    ReceiptFact,
    RefusalFact,
    SubscriptionFact,
)
from subscriber_app.missions.failing_endpoints import fails_on_purpose
from subscriber_app.missions.mission import Mission, Need, Track
from subscriber_app.missions.own_receiver import OwnReceivers
from subscriber_app.missions.progress import answers_of, check_of, seen_of
from subscriber_app.receiving.defence_switches import DefenceSwitches
from subscriber_app.receiving.keyring import fingerprint
from subscriber_app.receiving.receipt_ids import first_id
from subscriber_app.receiving.repair import forged_bookings
from subscriber_app.shop_api.client import ShopClient
from subscriber_app.shop_api.clock import read_clock
from subscriber_app.shop_api.counting import read_counted
from subscriber_app.shop_api.delivery_log import ListedDelivery, ShopAttempt
from subscriber_app.shop_api.errors import ShopError
from subscriber_app.shop_api.money import ShopTotalsPoller, compare

SHOP_INTERVAL_SECONDS = 1.0
SHOP_TIMEOUT_SECONDS = 2.0
MAX_RECEIPTS = 500  # the newest since the start; what older ones prove is stored
MAX_DELIVERY_PAGES = 2
MAX_DELIVERIES_WITH_ATTEMPTS = 6  # the newest: each is one request
_CREDENTIALS = ("webhook-timestamp", "webhook-signature", "authorization")


@dataclass(frozen=True, slots=True)
class _ShopFacts:
    deliveries: Sequence[DeliveryFact] = ()
    deliveries_elsewhere: Sequence[DeliveryFact] = ()
    endpoints: Sequence[EndpointFact] = ()
    refusals: Sequence[RefusalFact] = ()
    money: Money | None = None
    problem: str = ""
    check: Check | None = None
    skip_left: timedelta | None = None


class FactsReader:
    """Reads facts. The shop is asked at most once a second for the same mission."""

    def __init__(  # noqa: PLR0913 – facts come from all of these
        self,
        database: Database,
        shop: ShopClient,
        shop_totals: ShopTotalsPoller,
        *,
        faults: Faults,
        defences: DefenceSwitches,
        own_receivers: OwnReceivers,
        checks: Checks,
        encryption: Encryption,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._shop = shop
        self._shop_totals = shop_totals
        self._faults = faults
        self._defences = defences
        self._own_receivers = own_receivers
        self._checks = checks
        self._encryption = encryption
        self._now = now
        self._asked_at = -math.inf
        self._asked_for: tuple[object, ...] = ()
        self._of_shop = _ShopFacts()

    async def read(self, mission: Mission, row: MissionProgress) -> Facts:
        """Return the facts since the mission was started."""
        if mission.track is Track.BUILD:
            return await self._read_for_own_receiver(mission, row)
        subscription = await self._subscription()
        endpoint_id = subscription.endpoint_id if subscription else None
        of_shop = await self._read_shop(mission, row, endpoint_id)
        # Afterwards, so that a receipt is there for each delivery that has succeeded.
        async with self._database.reading() as session:
            receipts = await _read_receipts(session, row.started_at)
            bookings = await _read_bookings(session, row.started_at)
            purchases = await _read_purchases(session, row.started_at)
            forged = (await session.exec(forged_bookings().limit(1))).first()
            former = await self._former_secrets(session)
            polls, seen = await _read_polling(session)
        return Facts(
            started_at=row.started_at,
            now=self._now(),
            receipts=receipts,
            bookings=bookings,
            purchases=purchases,
            deliveries=of_shop.deliveries,
            deliveries_elsewhere=of_shop.deliveries_elsewhere,
            endpoints=of_shop.endpoints,
            refusals=of_shop.refusals,
            subscription=subscription,
            former_secrets=former,
            polls=polls,
            orders_seen=seen,
            money=of_shop.money,
            answers=answers_of(row),
            seen=seen_of(row),
            off=self._defences.off,
            is_fault_active=self._faults.is_active,
            is_crash_armed=self._faults.worker_crash.is_armed,
            has_forged_bookings=forged is not None,
            shop_problem=of_shop.problem,
            skip_left=of_shop.skip_left,
        )

    async def _read_for_own_receiver(self, mission: Mission, row: MissionProgress) -> Facts:
        """Return facts of the learner's receiver only: nothing that came to this subscriber."""
        own = await self._own_receivers.current()
        of_shop = await self._read_shop(mission, row, own.endpoint_id if own else None)
        return Facts(
            started_at=row.started_at,
            now=self._now(),
            deliveries=of_shop.deliveries,
            deliveries_elsewhere=of_shop.deliveries_elsewhere,
            endpoints=of_shop.endpoints,
            answers=answers_of(row),
            seen=seen_of(row),
            shop_problem=of_shop.problem,
            own_receiver=_own_receiver_fact(own) if own else None,
            check=of_shop.check,
        )

    def forget(self) -> None:
        """Ask the shop at the next read, even within the same second."""
        self._asked_at = -math.inf

    async def _subscription(self) -> SubscriptionFact | None:
        async with self._database.reading() as session:
            row = (await session.exec(select(Subscription))).first()
        if row is None:
            return None
        can_read = self._encryption.can_decrypt(row.encrypted_secret)
        shown = fingerprint(self._encryption.decrypt(row.encrypted_secret)) if can_read else ""
        return SubscriptionFact(row.endpoint_id, row.webhook_url, row.created_at, shown)

    async def _former_secrets(self, session: AsyncSession) -> list[FormerSecretFact]:
        rows = (await session.exec(select(FormerSecret).order_by(col(FormerSecret.id)))).all()
        return [
            FormerSecretFact(
                fingerprint(self._encryption.decrypt(row.encrypted_secret)),
                row.replaced_at,
                row.until,
            )
            for row in rows
            if self._encryption.can_decrypt(row.encrypted_secret)
        ]

    async def _read_shop(
        self, mission: Mission, row: MissionProgress, endpoint_id: str | None
    ) -> _ShopFacts:
        check = check_of(row)
        asked_for = (mission.key, row.started_at, endpoint_id, check and check.exam_id)
        is_recent = time.monotonic() - self._asked_at < SHOP_INTERVAL_SECONDS
        if mission.needs and not (is_recent and asked_for == self._asked_for):
            asked_at = time.monotonic()
            self._of_shop = await self._ask(mission, row.started_at, endpoint_id, check)
            # Only now: a page may have been too impatient to wait for it.
            self._asked_at, self._asked_for = asked_at, asked_for
        return self._of_shop if mission.needs else _ShopFacts()

    async def _ask(
        self, mission: Mission, since: datetime, endpoint_id: str | None, check: Check | None
    ) -> _ShopFacts:
        facts = _ShopFacts(check=check)
        try:
            async with asyncio.timeout(SHOP_TIMEOUT_SECONDS):
                if Need.ENDPOINTS in mission.needs:
                    facts = replace(facts, endpoints=await self._endpoints(endpoint_id))
                if Need.DELIVERIES in mission.needs and endpoint_id:
                    found = await self._deliveries(mission, since, endpoint_id)
                    facts = replace(facts, deliveries=found)
                if Need.DELIVERIES_ELSEWHERE in mission.needs:
                    found = await self._deliveries_elsewhere(mission, since, facts.endpoints)
                    facts = replace(facts, deliveries_elsewhere=found)
                if Need.REFUSALS in mission.needs:
                    facts = replace(facts, refusals=await self._refusals(since))
                if Need.CLOCK in mission.needs:
                    facts = replace(facts, skip_left=await self._skip_left())
                if Need.MONEY in mission.needs:
                    facts = replace(facts, money=await self._money())
                if check and not check.is_finished:
                    facts = replace(facts, check=await self._checks.follow(check))
        except TimeoutError:
            return replace(facts, problem="no response in time")
        except ShopError as error:
            return replace(facts, problem=str(error).rstrip("."))
        return facts

    async def _endpoints(self, ours: str | None) -> list[EndpointFact]:
        return [
            EndpointFact(
                each.id,
                each.webhook_url,
                each.status,
                each.created_at,
                is_ours=each.id == ours,
                breaker=each.breaker,
                disabled_reason=each.disabled_reason,
            )
            for each in await self._shop.endpoints()
        ]

    async def _deliveries(
        self, mission: Mission, since: datetime, endpoint_id: str
    ) -> list[DeliveryFact]:
        listed = await self._shop.deliveries_to(
            endpoint_id, since=since, max_pages=MAX_DELIVERY_PAGES
        )
        found = [_delivery_fact(each) for each in listed]
        wanted = [each for each in found if each.attempt_count and mission.wants_attempts(each)]
        attempts: dict[str, Sequence[AttemptFact]] = {}
        for each in wanted[:MAX_DELIVERIES_WITH_ATTEMPTS]:
            detail = await self._shop.delivery(each.id)
            attempts[each.id] = [_attempt_fact(attempt) for attempt in detail.attempts]
        return [replace(each, attempts=attempts.get(each.id, ())) for each in reversed(found)]

    async def _deliveries_elsewhere(
        self, mission: Mission, since: datetime, endpoints: Sequence[EndpointFact]
    ) -> list[DeliveryFact]:
        return [
            delivery
            for endpoint in endpoints
            if fails_on_purpose(endpoint.webhook_url)
            for delivery in await self._deliveries(mission, since, endpoint.id)
        ]

    async def _refusals(self, since: datetime) -> list[RefusalFact]:
        return [
            RefusalFact(each.webhook_url, each.reason, each.refused_at)
            for each in reversed(await self._shop.refused_registrations())
            if each.refused_at >= since
        ]

    async def _skip_left(self) -> timedelta | None:
        clock = read_clock(await self._shop.clock(wait_seconds=0))
        return None if clock.is_ready else timedelta(seconds=clock.remaining_seconds or 0)

    async def _money(self) -> Money | None:
        await self._shop_totals.refresh()
        async with self._database.reading() as session:
            counted = await read_counted(session)
        comparison = compare(self._shop_totals.latest, counted)
        if comparison is None:
            return None
        return Money(comparison.difference_cents, comparison.is_settled)


async def _read_receipts(session: AsyncSession, since: datetime) -> list[ReceiptFact]:
    query = (
        select(Receipt, AttackResult)
        .join(AttackResult, col(AttackResult.receipt_id) == col(Receipt.id), isouter=True)
        .where(col(Receipt.id) >= first_id(since))
        .order_by(col(Receipt.id).desc())
        .limit(MAX_RECEIPTS)
        .options(defer(col(Receipt.body), raiseload=True), defer(col(Receipt.steps)))  # type: ignore[arg-type]
    )
    rows = (await session.exec(query)).all()
    return [_receipt_fact(receipt, attack) for receipt, attack in reversed(rows)]


def _receipt_fact(receipt: Receipt, result: AttackResult | None) -> ReceiptFact:
    headers = dict(receipt.headers)
    attack = (result.attack or EDITED) if result else None
    if attack is None and headers.get("user-agent") in {USER_AGENT, OLD_SECRET_AGENT}:
        attack = EDITED  # its result is stored in a moment
    return ReceiptFact(
        receipt.id,
        receipt.received_at,
        receipt.verdict,
        receipt.reason,
        receipt.status,
        receipt.fault,
        receipt.message_id,
        receipt.order_id,
        receipt.event_type,
        receipt.value_cents,
        attack,
        tuple(headers.get(name, "") for name in _CREDENTIALS),
        signatures=len(headers.get("webhook-signature", "").split()),
        is_signed_with_old_secret=headers.get("user-agent") == OLD_SECRET_AGENT,
    )


async def _read_bookings(session: AsyncSession, since: datetime) -> list[BookingFact]:
    query = select(Purchase).where(col(Purchase.receipt_id) >= first_id(since))
    rows = (await session.exec(query.order_by(col(Purchase.receipt_id)))).all()
    return [BookingFact(row.receipt_id, row.message_id, row.value_cents) for row in rows]


async def _read_purchases(session: AsyncSession, since: datetime) -> list[PurchaseFact]:
    first = col(PurchaseState.first_receipt_id)
    rows = (
        await session.exec(
            select(PurchaseState)
            .where(first >= first_id(since))
            .order_by(first.desc())
            .limit(MAX_RECEIPTS)
        )
    ).all()
    return [
        PurchaseFact(row.order_id, row.bought_at is not None, row.refunded_at is not None)
        for row in reversed(rows)
    ]


async def _read_polling(session: AsyncSession) -> tuple[PollsFact | None, list[OrderSeenFact]]:
    row = (await session.exec(select(Polling))).first()
    if row is None:
        return None, []
    seen = [
        OrderSeenFact(each.order_id, each.created_at, each.webhook_seconds, each.polling_seconds)
        for each in reversed(await read_seen_orders(session, row.started_at))
    ]
    return PollsFact(row.started_at, row.ends_at, row.polls, row.polls_in_vain), seen


def _own_receiver_fact(row: OwnReceiver) -> OwnReceiverFact:
    return OwnReceiverFact(
        row.endpoint_id, row.webhook_url, row.created_at, has_probe=bool(row.probe_url)
    )


def _delivery_fact(listed: ListedDelivery) -> DeliveryFact:
    if listed.created_at is None:
        raise AssertionError("only deliveries with a time are listed")
    return DeliveryFact(
        listed.id,
        listed.message_id,
        listed.order_id,
        listed.event_type,
        listed.state,
        listed.attempt_count,
        listed.created_at,
        listed.completed_at,
        listed.next_attempt_at,
        listed.last_status,
        listed.endpoint_id,
    )


def _attempt_fact(attempt: ShopAttempt) -> AttemptFact:
    response, delay = attempt.response, attempt.delay
    more: dict[str, Any] = {}
    if delay:
        more = {
            "schedule_seconds": delay.schedule_seconds,
            "delay_seconds": delay.seconds,
            "retry_after_seconds": delay.retry_after_seconds,
        }
    return AttemptFact(
        attempt.number,
        attempt.started_at,
        attempt.started_at + timedelta(milliseconds=attempt.duration_ms),
        response.status if response else None,
        attempt.error,
        attempt.decided_at,
        skipped_seconds=attempt.skipped_seconds,
        signatures=len((attempt.request.header("webhook-signature") or "").split()),
        receipt_id=response.receipt_id if response else None,
        **more,
    )
