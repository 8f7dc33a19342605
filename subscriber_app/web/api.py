"""The JSON API under ``/v1``: receipts, totals, faults and defenses."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Router, delete, get, patch, put
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from hookshop.webkit.bodies import MAX_READ_BYTES, StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import check_api_call, problems
from hookshop.webkit.list_query import MAX_SEARCH_LENGTH, check_search
from hookshop.webkit.openapi import ApiInfo
from hookshop.webkit.times import rfc3339, rfc3339_ms
from hookshop.webkit.waiting import (
    TIMED_OUT,
    Condition,
    MinCount,
    Satisfied,
    Strict,
    Wait,
    WaitSeconds,
    wait_until_satisfied,
)
from subscriber_app import __version__
from subscriber_app.database.models import Receipt
from subscriber_app.faults import NORMAL, BadFault, Fault, FaultMode, make_fault
from subscriber_app.receiving.defences import Defence
from subscriber_app.receiving.receipts import (
    ReceiptFilter,
    delete_all,
    find_receipt,
    list_receipts,
    read_stats,
)
from subscriber_app.vocabulary import Reason, Result, StepName, Verdict
from subscriber_app.web.api_fields import Cursor, Limit, NextCursor, Time, WholeSecond
from subscriber_app.web.clock_api import CLOCK
from subscriber_app.web.dependencies import (
    TheClock,
    TheDatabase,
    TheDefences,
    TheFaults,
    TheFeed,
    TheMissions,
)
from subscriber_app.web.missions.api import MISSION_CALLS
from subscriber_app.web.missions.receiver_api import RECEIVER_CALLS
from subscriber_app.web.sandbox_api import SANDBOXES
from subscriber_app.web.subscription_api import SUBSCRIPTION

WithVerdict = Annotated[
    Verdict | None, QueryParameter(description="Only receipts with this verdict.")
]
OfType = Annotated[str | None, QueryParameter(description="Only events of this type.")]
OfOrder = Annotated[str | None, QueryParameter(description="Only requests that name this order.")]
OfMessage = Annotated[str | None, QueryParameter(description="Only requests with this id.")]
ForReason = Annotated[
    Reason | None, QueryParameter(description="Only requests rejected for this reason.")
]
Search = Annotated[
    str | None,
    QueryParameter(max_length=MAX_SEARCH_LENGTH, description="Part of an id or of the body."),
]

ReceiptId = Annotated[str, Meta(examples=["rcp_01939f0c5e7d7f62a3b4c5d6e7f80910"])]
MessageId = Annotated[
    str,
    Meta(description="The header `webhook-id`.", examples=["msg_01939f0c5e7b7d40a1b2c3d4e5f60718"]),
]
Cents = Annotated[int, Meta(examples=[5075])]


class ReceiptDocument(Struct):
    """A receipt. ``status``: of the response; null if there was none.

    ``fault``: the injected fault as a script word, or null.
    """

    id: ReceiptId
    received_at: Time
    duration_ms: Annotated[float, Meta(examples=[4.2])]
    verdict: Verdict
    reason: Annotated[Reason | None, Meta(examples=[None])]
    status: Annotated[int | None, Meta(examples=[200])]
    fault: Annotated[str | None, Meta(examples=[None])]
    message_id: MessageId | None
    event_type: Annotated[str | None, Meta(examples=["purchase.created"])]
    value_cents: Cents | None
    order_id: Annotated[str | None, Meta(examples=["ord_01939f0c5e7a7c3fb1a2d4e5f60718a9"])]


class StepDocument(Struct):
    """One step of the verification."""

    name: StepName
    result: Result
    detail: Annotated[str, Meta(examples=["The body has 132 bytes"])]


class ReceiptWithSteps(ReceiptDocument):
    """A receipt with its request and each step. ``headers``: received ``[name, value]`` pairs."""

    steps: list[StepDocument]
    headers: Annotated[list[list[str]], Meta(examples=[[["content-type", "application/json"]]])]
    body: Annotated[str, Meta(examples=['{"event":{…},"date":"2026-11-23T12:00:00Z"}'])]


class ReceiptList(Struct):
    """One page of the inbox. ``satisfied``: only in responses to calls that wait."""

    data: list[ReceiptDocument]
    next_cursor: NextCursor
    satisfied: Satisfied | UnsetType = UNSET


class ReceiptCounts(Struct):
    """The number of receipts with each verdict."""

    accepted: int
    duplicate: int
    ignored: int
    rejected: int


class StatsDocument(Struct):
    """Totals. ``revenue_cents``: all booked money, refunds subtracted.

    ``counted_cents``: the part of it from events whose ``date`` is at or after ``counted_since``.
    It should agree with the shop's ``/v1/stats?since=``. ``counted_since`` is null before the first
    subscription.
    """

    receipts: ReceiptCounts
    purchases: int
    revenue_cents: Cents
    counted_since: WholeSecond | None
    counted_cents: Cents


class FaultDocument(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A mode with its parameters. Parameters of other modes are left out.

    ``none``, ``never``, ``drop`` and ``accept_then_500`` have none. ``status``: ``status`` from 300
    to 599; with 429 and 503 also ``retry_after`` in seconds, with 300 to 399 ``location``.
    ``slow``: ``seconds`` from 1 to 60. ``random``: ``percent``; ``status`` (default 500) and
    ``seed`` (1). ``script``: ``script``, such as ``503 timeout 429:5 slow:3 drop 200``. The last
    two also have a ``position``: how many requests they have applied to.
    """

    # ``make_fault`` checks the bounds, which depend on the mode.
    mode: Annotated[FaultMode, Meta(examples=["status"])]
    status: Annotated[int | None, Meta(examples=[503])] = None
    retry_after: int | None = None
    location: str | None = None
    seconds: int | None = None
    percent: int | None = None
    seed: int | None = None
    script: str | None = None
    position: int | None = None


class DefencesChange(Struct, forbid_unknown_fields=True):
    """Body of ``PATCH /v1/defences``: those to switch. The others stay as they are."""

    timestamp: bool | UnsetType = UNSET
    signature: bool | UnsetType = UNSET
    token: bool | UnsetType = UNSET
    raw_body: bool | UnsetType = UNSET
    deduplication: bool | UnsetType = UNSET


class DefencesDocument(Struct, forbid_unknown_fields=True):
    """The defenses. ``true``: on, the normal state. ``false``: switched off, to see the damage."""

    timestamp: bool
    signature: bool
    token: bool
    raw_body: bool
    deduplication: bool


@get("/receipts", operation_id="listReceipts", responses=problems(TIMED_OUT))
async def list_receipts_as_json(  # noqa: PLR0913 – one parameter for each filter of the query string
    *,
    request: Request[Any, Any, Any],
    database: TheDatabase,
    feed: TheFeed,
    verdict: WithVerdict = None,
    event_type: OfType = None,
    message_id: OfMessage = None,
    order_id: OfOrder = None,
    reason: ForReason = None,
    q: Search = None,
    limit: Limit = 50,
    cursor: Cursor = None,
    min_count: MinCount = None,
    wait: WaitSeconds = None,
    strict: Strict = False,
) -> ReceiptList:
    """Return one page of receipts, newest first.

    With ``q``, a page searches at most 2000 receipts and may be empty. With ``wait`` or
    ``min_count``, wait until that many receipts match, and return ``satisfied``.
    """
    wanted = ReceiptFilter(
        verdict, event_type, message_id, reason, check_search(q), order_id=order_id
    )
    asked = Wait.read(wait, min_count, strict=strict)

    async def read() -> ReceiptList:
        at_least = asked.min_count if asked else 0
        async with database.reading() as session:
            page = await list_receipts(session, wanted, limit=max(limit, at_least), cursor=cursor)
        shown = page.shortened_to(limit)
        documents = [ReceiptDocument(**_fields(receipt)) for receipt in shown.receipts]
        is_satisfied = len(page.receipts) >= at_least if asked else UNSET
        return ReceiptList(documents, shown.next_cursor, is_satisfied)

    if asked is None:
        return await read()
    enough = Condition(read, lambda _: asked.too_few("receipts"))
    return await wait_until_satisfied(request, feed, asked, enough)


@get("/receipts/{receipt_id:str}")
async def get_receipt(receipt_id: FromPath[ReceiptId], database: TheDatabase) -> ReceiptWithSteps:
    """Return one receipt with the request as received and every verification step."""
    async with database.reading() as session:
        receipt = await find_receipt(session, receipt_id)
    if receipt is None:
        raise NotFoundException(f"there is no receipt {receipt_id!r}")
    return ReceiptWithSteps(
        **_fields(receipt),
        steps=[StepDocument(**step) for step in receipt.steps],
        headers=receipt.headers,
        body=receipt.body.decode("utf-8", errors="replace"),
    )


@delete("/receipts")
async def delete_receipts(
    database: TheDatabase, feed: TheFeed, missions: TheMissions, clock: TheClock
) -> None:
    """Delete all receipts and purchases, and restart the counting of money.

    The response comes when counting has started, within a second: orders placed after it count.
    """
    await missions.look_at_current()  # while the facts are still there
    await delete_all(database, now=clock)
    feed.announce()


@get("/stats")
async def get_stats(database: TheDatabase) -> StatsDocument:
    """Return the totals: receipts by verdict, purchases and money."""
    async with database.reading() as session:
        stats = await read_stats(session)
    return StatsDocument(
        receipts=ReceiptCounts(**{verdict.value: stats.receipts[verdict] for verdict in Verdict}),
        purchases=stats.purchases,
        revenue_cents=stats.revenue_cents,
        counted_since=rfc3339(stats.counted_since) if stats.counted_since else None,
        counted_cents=stats.counted_cents,
    )


@get("/faults")
async def get_fault(faults: TheFaults) -> FaultDocument:
    """Return the current fault; after the end of a script, the mode is ``none``."""
    return _fault_document(faults.current)


@put("/faults", dto=StrictJson[FaultDocument], return_dto=None)
async def set_fault(data: JSONBody[FaultDocument], faults: TheFaults) -> FaultDocument:
    """Set the fault, from the next request on; the mode ``none`` ends it."""
    try:
        fault = make_fault(**msgspec.structs.asdict(data))
    except BadFault as error:
        raise Problem(400, str(error)) from None
    await faults.set(fault)
    return _fault_document(fault)


@get("/defences")
async def get_defences(defences: TheDefences) -> DefencesDocument:
    """Return which defenses are on."""
    return DefencesDocument(**{each.value: each not in defences.off for each in Defence})


@put("/defences", dto=StrictJson[DefencesDocument], return_dto=None)
async def set_defences(data: JSONBody[DefencesDocument], defences: TheDefences) -> DefencesDocument:
    """Switch the defenses on and off, from the next request on."""
    await defences.set(each for each in Defence if not getattr(data, each.value))
    return data


@patch("/defences", dto=StrictJson[DefencesChange], return_dto=None)
async def change_defences(
    data: JSONBody[DefencesChange], defences: TheDefences
) -> DefencesDocument:
    """Switch some of the defenses on or off, from the next request on."""
    given = {each: getattr(data, each.value) for each in Defence}
    on = {each for each, is_on in given.items() if is_on is True}
    off = {each for each, is_on in given.items() if is_on is False}
    await defences.set((defences.off | off) - on)
    return DefencesDocument(**{each.value: each not in defences.off for each in Defence})


INBOX = [list_receipts_as_json, get_receipt, delete_receipts, get_stats]
LAB = [get_fault, set_fault, get_defences, set_defences, change_defences]

api_router = Router(
    path="/v1",
    route_handlers=[
        Router(path="/", route_handlers=INBOX, tags=["Inbox"]),
        Router(path="/", route_handlers=LAB, tags=["Lab"]),
        Router(path="/", route_handlers=SUBSCRIPTION, tags=["Subscription"]),
        Router(path="/", route_handlers=[*MISSION_CALLS, *RECEIVER_CALLS], tags=["Missions"]),
        Router(path="/", route_handlers=CLOCK, tags=["Clock"]),
        Router(path="/", route_handlers=SANDBOXES, tags=["Sandboxes"]),
    ],
    before_request=check_api_call,
    request_max_body_size=MAX_READ_BYTES,
)

api_info = ApiInfo(
    title="Hookshop: the subscriber",
    version=__version__,
    description="Receives webhooks, and tells what became of each request.",
    tags={
        "Receiver": "Where the shop sends its webhooks.",
        "Inbox": "Receipts: every request with its verdict and each step of the verification.",
        "Lab": "Faults to inject into responses, and defenses to switch off.",
        "Subscription": "Our registration with the shop.",
        "Missions": "What the learner does, and which facts prove it.",
        "Clock": "Skip time in the shop and here.",
        "Sandboxes": "Subscribers of one's own: each is a base URL, and sees nothing of others.",
    },
    token_variable="SUBSCRIBER_ADMIN_TOKEN",  # noqa: S106 – the name of a setting
)


def _fault_document(fault: Fault) -> FaultDocument:
    return FaultDocument(**(fault if fault.is_active else NORMAL).document())


def _fields(receipt: Receipt) -> dict[str, Any]:
    return {
        "id": receipt.id,
        "received_at": rfc3339_ms(receipt.received_at),
        "duration_ms": receipt.duration_ms,
        "verdict": receipt.verdict,
        "reason": receipt.reason,
        "status": receipt.status,
        "fault": receipt.fault,
        "message_id": receipt.message_id,
        "event_type": receipt.event_type,
        "value_cents": receipt.value_cents,
        "order_id": receipt.order_id,
    }
