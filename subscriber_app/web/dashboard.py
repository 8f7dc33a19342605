"""The inbox, the page of one receipt, and deleting all receipts."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from litestar import MediaType, Request, Response, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, Template
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.list_query import PERIOD_CHOICES
from hookshop.webkit.live import Region, live_stream
from subscriber_app.database.models import Receipt
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.purchases import find_purchase
from subscriber_app.receiving.receipts import (
    MAX_SEARCHED_RECEIPTS,
    count_newer,
    delete_all,
    find_receipt,
    list_receipts,
    read_stats,
)
from subscriber_app.shop_api.counting import read_counted
from subscriber_app.shop_api.held_secrets import read_keyring
from subscriber_app.shop_api.money import ShopTotalsPoller, compare
from subscriber_app.shop_api.subscription import Subscriptions
from subscriber_app.web.attacks import attack_options
from subscriber_app.web.dependencies import (
    TheAttackDesk,
    TheClock,
    TheDatabase,
    TheEncryption,
    TheFaults,
    TheFeed,
    TheMissions,
    TheReceiptViews,
    TheShopTotals,
    TheSubscriptions,
)
from subscriber_app.web.faults import fault_banner, fault_card
from subscriber_app.web.har import as_har
from subscriber_app.web.inbox_query import (
    REASON_CHOICES,
    InboxQuery,
    event_type_choices,
)
from subscriber_app.web.missions.strip import mission_strip

PAGE_SIZE = 25  # keeps live updates small, and a first load below 150 KB
MAX_COUNTED = 1000  # newer receipts; the exact number beyond it does not matter

AnyRequest = Request[Any, Any, Any]


@get("/", include_in_schema=False)
async def show_inbox(  # noqa: PLR0913 – one parameter for each part of the page
    *,
    request: AnyRequest,
    database: TheDatabase,
    subscriptions: TheSubscriptions,
    faults: TheFaults,
    shop_totals: TheShopTotals,
    clock: TheClock,
) -> Template:
    """Show every received request, newest first."""
    query = InboxQuery.read(request.query_params)
    context = await _inbox_region(database, subscriptions, clock, query).read()
    await shop_totals.refresh()
    context |= {
        "live_address": query.live_address(),
        "period_choices": PERIOD_CHOICES,
        "event_type_choices": event_type_choices(query.event_type),
        "reason_choices": REASON_CHOICES,
        **await fault_card(faults).read(),
        **await _money_region(database, shop_totals).read(),
    }
    return Template("subscriber/inbox/inbox.html", context=context)


@get("/receipts/live", include_in_schema=False)
async def stream_inbox(  # noqa: PLR0913 – one parameter for each part of the page
    *,
    request: AnyRequest,
    database: TheDatabase,
    feed: TheFeed,
    subscriptions: TheSubscriptions,
    faults: TheFaults,
    shop_totals: TheShopTotals,
    missions: TheMissions,
    clock: TheClock,
) -> ServerSentEvent:
    """Stream the regions of the inbox, for the same query."""
    query = InboxQuery.read(request.query_params)
    region = _inbox_region(database, subscriptions, clock, query)
    await shop_totals.refresh()  # so that the stream starts with the same state as the page
    money = _money_region(database, shop_totals)
    card, strip = fault_card(faults), mission_strip(missions)
    return await live_stream(request, feed, region, money, card, fault_banner(), strip)


@get("/receipts/{receipt_id:str}", include_in_schema=False)
async def show_receipt(  # noqa: PLR0913 – one parameter for each part of the page
    *,
    database: TheDatabase,
    subscriptions: TheSubscriptions,
    attack_desk: TheAttackDesk,
    receipt_views: TheReceiptViews,
    encryption: TheEncryption,
    receipt_id: FromPath[str],
) -> Template:
    """Show one request: the explanation of each check, the diagnosis, and the raw bytes."""
    async with database.reading() as session:
        receipt = await _existing(session, receipt_id)
        keyring = await read_keyring(session, encryption)
    subscription = await subscriptions.current()
    context = await receipt_views.context(
        receipt,
        url=subscriptions.webhook_url,
        audience=subscription.webhook_url if subscription else subscriptions.webhook_url,
        keyring=keyring,
        issuer=subscription.issuer if subscription else None,
    )
    predictor = await attack_desk.predictor(receipt)
    attacks = await receipt_views.run_in_thread(lambda: attack_options(predictor))
    async with database.reading() as session:
        purchase = await find_purchase(session, context["order_id"])
    return Template(
        "subscriber/inbox/receipt.html",
        context={**context, "purchase": purchase, "attacks": attacks},
    )


@get("/receipts/{receipt_id:str}/har", include_in_schema=False)
async def download_har(
    database: TheDatabase, subscriptions: TheSubscriptions, receipt_id: FromPath[str]
) -> Response[dict[str, Any]]:
    """Return one request and our response as an HTTP Archive."""
    async with database.reading() as session:
        receipt = await _existing(session, receipt_id)
    return Response(
        as_har(receipt, subscriptions.webhook_url),
        media_type=MediaType.JSON,
        headers={"Content-Disposition": f'attachment; filename="{receipt.id}.har"'},
    )


async def _existing(session: AsyncSession, receipt_id: str) -> Receipt:
    receipt = await find_receipt(session, receipt_id)
    if receipt is None:
        raise NotFoundException(f"there is no receipt {receipt_id!r}")
    return receipt


@get("/receipts/delete", include_in_schema=False)
async def confirm_deleting(database: TheDatabase) -> Template:
    """Show what deleting will do, and ask for confirmation."""
    async with database.reading() as session:
        stats = await read_stats(session)
    return Template("subscriber/inbox/delete.html", context={"stats": stats})


@post("/receipts/delete", include_in_schema=False)
async def delete_everything(
    database: TheDatabase, feed: TheFeed, missions: TheMissions, clock: TheClock
) -> Redirect:
    """Delete all receipts and purchases, and restart the counting of money."""
    await missions.look_at_current()  # while the facts are still there
    await delete_all(database, now=clock)
    feed.announce()
    return Redirect("/", status_code=303)


def _inbox_region(
    database: Database,
    subscriptions: Subscriptions,
    clock: Callable[[], datetime],
    query: InboxQuery,
) -> Region:
    async def read() -> dict[str, Any]:
        wanted = query.filter(clock())
        async with database.reading() as session:
            page = await list_receipts(
                session,
                wanted,
                limit=PAGE_SIZE,
                cursor=query.cursor or None,
                newest=query.newest or None,
            )
            stats = await read_stats(session)
            newer = 0
            if query.newest:
                newer = await count_newer(session, wanted, than=query.newest, limit=MAX_COUNTED)
        older = page.next_cursor and query.address(cursor=page.next_cursor)
        return {
            "query": query,
            "receipts": page.receipts,
            "tabs": query.tabs(stats.receipts),
            "newer": newer,
            "newer_is_more": newer == MAX_COUNTED,
            "is_subscribed": await subscriptions.current() is not None,
            "max_searched": MAX_SEARCHED_RECEIPTS,
            "newest_address": query.address() if query.cursor else None,
            "older_address": older,
            "shop_url": subscriptions.shop_url,
        }

    return Region("inbox", "subscriber/inbox/_inbox.html", read)


def _money_region(database: Database, shop_totals: ShopTotalsPoller) -> Region:
    """Return the region with the shop's last totals and the booked money."""

    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            stats = await read_stats(session)
            counted = await read_counted(session)
        shop_totals.start()
        latest = shop_totals.latest
        return {
            "counted": counted,
            "comparison": compare(latest, counted),
            "shop_problem": latest.problem,
            "booked": stats,
        }

    return Region("money", "subscriber/inbox/_money.html", read)
