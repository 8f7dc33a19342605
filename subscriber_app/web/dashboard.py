"""The inbox and the page of one receipt; and forgetting everything."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from litestar import Request, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, ServerSentEvent, Template

from subscriber_app.database import Database
from subscriber_app.receipts import (
    ReceiptFilter,
    Stats,
    find_receipt,
    forget_all,
    list_receipts,
    read_stats,
)
from subscriber_app.subscription import Subscriptions
from subscriber_app.vocabulary import Reason, Verdict
from subscriber_app.web.attacks import offers
from subscriber_app.web.controls import FAULT_CHOICES, fault_banner, fault_card
from subscriber_app.web.dependencies import (
    TheAttackDesk,
    TheDatabase,
    TheFeed,
    TheSales,
    TheSubscriptions,
)
from subscriber_app.web.errors import Problem
from subscriber_app.web.live import Region, live_stream
from subscriber_app.web.money import money_region
from subscriber_app.web.wire import body_text, hex_dump, visible_text
from subscriber_app.web.words import REASON_MEANINGS, result_words, step_label

PAGE_SIZE = 50

AnyRequest = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Tab:
    """A link to the inbox with another verdict."""

    label: str
    address: str
    is_current: bool
    count: int


@dataclass(frozen=True, slots=True)
class InboxQuery:
    """What the address asks for, so that a view can be bookmarked and shared."""

    verdict: Verdict | None
    cursor: str | None

    @classmethod
    def read(cls, request: AnyRequest) -> "InboxQuery":
        """Read an address's query. Raises ``Problem`` (400) for a verdict that does not exist."""
        verdict = request.query_params.get("verdict", "")
        if verdict and verdict not in list(Verdict):
            raise Problem(400, f"there is no verdict {verdict!r}")
        return cls(
            Verdict(verdict) if verdict else None, request.query_params.get("cursor") or None
        )

    def address(
        self, path: str = "/", *, verdict: Verdict | None = None, cursor: str | None = None
    ) -> str:
        """The inbox with this verdict, from this cursor on."""
        parameters = {"verdict": verdict or "", "cursor": cursor or ""}
        query = urlencode({name: value for name, value in parameters.items() if value})
        return f"{path}?{query}" if query else path

    def tabs(self, stats: Stats) -> list[Tab]:
        """One tab for all receipts and one for each verdict."""
        everything = Tab("all", "/", self.verdict is None, sum(stats.receipts.values()))
        return [everything] + [
            Tab(each.value, self.address(verdict=each), each is self.verdict, stats.receipts[each])
            for each in Verdict
        ]


@get("/", include_in_schema=False)
async def show_inbox(
    request: AnyRequest,
    database: TheDatabase,
    subscriptions: TheSubscriptions,
    sales: TheSales,
) -> Template:
    """Every request that came in, newest first."""
    query = InboxQuery.read(request)
    context = await _inbox_region(database, subscriptions, query).read()
    live = query.address("/receipts/live", verdict=query.verdict, cursor=query.cursor)
    await sales.ask_briefly()
    context |= await money_region(database, sales).read()
    context |= {"live_address": live, "fault_choices": FAULT_CHOICES}
    return Template("subscriber/inbox/inbox.html", context=context)


@get("/receipts/live", include_in_schema=False)
async def stream_inbox(
    request: AnyRequest,
    database: TheDatabase,
    feed: TheFeed,
    subscriptions: TheSubscriptions,
    sales: TheSales,
) -> ServerSentEvent:
    """The inbox, kept up to date; takes the same query."""
    region = _inbox_region(database, subscriptions, InboxQuery.read(request))
    await sales.ask_briefly()  # so that the stream begins as its page does
    return await live_stream(
        request, feed, region, money_region(database, sales), fault_card(), fault_banner()
    )


@get("/receipts/{receipt_id:str}", include_in_schema=False)
async def show_receipt(
    database: TheDatabase, attack_desk: TheAttackDesk, receipt_id: FromPath[str]
) -> Template:
    """One request, what each check said of it, and its raw bytes."""
    async with database.reading() as session:
        receipt = await find_receipt(session, receipt_id)
    if receipt is None:
        raise NotFoundException(f"there is no receipt {receipt_id!r}")
    return Template(
        "subscriber/inbox/receipt.html",
        context={
            "receipt": receipt,
            "meaning": REASON_MEANINGS[Reason(receipt.reason)] if receipt.reason else "",
            "steps": [
                (step_label(step["name"]), result_words(step["result"]), step["detail"])
                for step in receipt.steps
            ],
            "headers": [(name, visible_text(value)) for name, value in receipt.headers],
            "body": body_text(receipt.body),
            "hex": hex_dump(receipt.body),
            "attacks": await offers(attack_desk, receipt),
        },
    )


@get("/receipts/delete", include_in_schema=False)
async def confirm_forgetting(database: TheDatabase) -> Template:
    """Say what forgetting will do, and ask."""
    async with database.reading() as session:
        stats = await read_stats(session)
    return Template("subscriber/inbox/delete.html", context={"stats": stats})


@post("/receipts/delete", include_in_schema=False)
async def forget_everything(database: TheDatabase, feed: TheFeed) -> Redirect:
    """Forget all receipts and everything that was booked."""
    async with database.writing() as session:
        await forget_all(session)
    feed.announce()
    return Redirect("/", status_code=303)


def _inbox_region(database: Database, subscriptions: Subscriptions, query: InboxQuery) -> Region:
    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            page = await list_receipts(
                session, ReceiptFilter(query.verdict), limit=PAGE_SIZE, cursor=query.cursor
            )
            stats = await read_stats(session)
        older = page.next_cursor and query.address(verdict=query.verdict, cursor=page.next_cursor)
        return {
            "receipts": page.receipts,
            "stats": stats,
            "tabs": query.tabs(stats),
            "is_subscribed": await subscriptions.current() is not None,
            "is_narrow": bool(query.verdict or query.cursor),
            "newest_address": query.address(verdict=query.verdict) if query.cursor else None,
            "older_address": older,
            "shop_url": subscriptions.shop_url,
        }

    return Region("inbox", "subscriber/inbox/_inbox.html", read)
