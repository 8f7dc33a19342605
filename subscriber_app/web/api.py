"""The JSON API under ``/v1``: receipts, totals, faults and defences."""

from typing import Annotated, Any

import msgspec
from litestar import Router, delete, get, put
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Struct

from hookshop.webkit.bodies import MAX_READ_BYTES, StrictJson
from hookshop.webkit.errors import Problem
from hookshop.webkit.json_api import check_api_call
from hookshop.webkit.list_query import check_search
from hookshop.webkit.times import rfc3339, rfc3339_ms
from subscriber_app.database.models import Receipt
from subscriber_app.faults import NORMAL, BadFault, Fault, FaultMode, make_fault
from subscriber_app.receiving.defences import Defence
from subscriber_app.receiving.receipts import (
    MAX_PAGE_SIZE,
    ReceiptFilter,
    delete_all,
    find_receipt,
    list_receipts,
    read_stats,
)
from subscriber_app.vocabulary import Reason, Verdict
from subscriber_app.web.dependencies import (
    TheClock,
    TheDatabase,
    TheDefences,
    TheFaults,
    TheFeed,
)

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE_SIZE)]


class ReceiptDocument(Struct):
    """A receipt. ``status``: of the response; null if there was none.

    ``fault``: the injected fault as a script word, or null.
    """

    id: str
    received_at: str
    duration_ms: float
    verdict: str
    reason: str | None
    status: int | None
    fault: str | None
    message_id: str | None
    event_type: str | None
    value_cents: int | None


class StepDocument(Struct):
    """One step of the verification. ``result``: passed, failed, skipped or not_reached."""

    name: str
    result: str
    detail: str


class ReceiptWithSteps(ReceiptDocument):
    """A receipt with its request and each step. ``headers``: received ``[name, value]`` pairs."""

    steps: list[StepDocument]
    headers: list[list[str]]
    body: str


class ReceiptList(Struct):
    """One page of the inbox."""

    data: list[ReceiptDocument]
    next_cursor: str | None


class StatsDocument(Struct):
    """Totals; each verdict is present. ``revenue_cents``: all booked money, refunds subtracted.

    ``counted_cents``: the part of it from events whose ``date`` is at or after ``counted_since``.
    It should agree with the shop's ``/v1/stats?since=``. ``counted_since`` is null before the first
    subscription.
    """

    receipts: dict[str, int]
    purchases: int
    revenue_cents: int
    counted_since: str | None
    counted_cents: int


class FaultDocument(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A mode with its parameters. Parameters of other modes are left out.

    ``none``, ``never``, ``drop`` and ``accept_then_500`` have none. ``status``: ``status`` from 300
    to 599; with 429 and 503 also ``retry_after`` in seconds, with 300 to 399 ``location``.
    ``slow``: ``seconds`` from 1 to 60. ``random``: ``percent``; ``status`` (default 500) and
    ``seed`` (1). ``script``: ``script``, such as ``503 timeout 429:5 slow:3 drop 200``. The last
    two also have a ``position``: how many requests they have applied to.
    """

    mode: FaultMode
    # ``make_fault`` checks the bounds: on nullable fields they break Litestar's OpenAPI document.
    status: int | None = None
    retry_after: int | None = None
    location: str | None = None
    seconds: int | None = None
    percent: int | None = None
    seed: int | None = None
    script: str | None = None
    position: int | None = None


class DefencesDocument(Struct, forbid_unknown_fields=True):
    """The defences. ``true``: on, the normal state. ``false``: switched off, to see the damage."""

    timestamp: bool
    signature: bool
    token: bool
    raw_body: bool
    deduplication: bool


@get("/receipts")
async def list_receipts_as_json(  # noqa: PLR0913 – one parameter for each filter of the query string
    *,
    database: TheDatabase,
    verdict: FromQuery[Verdict | None] = None,
    event_type: FromQuery[str | None] = None,
    message_id: FromQuery[str | None] = None,
    reason: FromQuery[Reason | None] = None,
    q: FromQuery[str | None] = None,
    limit: Limit = 50,
    cursor: FromQuery[str | None] = None,
) -> ReceiptList:
    """Return one page of receipts, newest first. Pass ``next_cursor`` as ``cursor`` for the next.

    ``q``: part of an id or of the body. A page searches at most 2000 receipts and may be empty.
    """
    wanted = ReceiptFilter(verdict, event_type, message_id, reason, check_search(q))
    async with database.reading() as session:
        page = await list_receipts(session, wanted, limit=limit, cursor=cursor)
    return ReceiptList(
        [ReceiptDocument(**_fields(receipt)) for receipt in page.receipts], page.next_cursor
    )


@get("/receipts/{receipt_id:str}")
async def get_receipt(receipt_id: FromPath[str], database: TheDatabase) -> ReceiptWithSteps:
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
async def delete_receipts(database: TheDatabase, feed: TheFeed, clock: TheClock) -> None:
    """Delete all receipts and purchases, and restart the counting of money.

    The response comes when counting has started, within a second: orders placed after it count.
    """
    await delete_all(database, now=clock)
    feed.announce()


@get("/stats")
async def get_stats(database: TheDatabase) -> StatsDocument:
    """Return the totals: receipts by verdict, purchases and money."""
    async with database.reading() as session:
        stats = await read_stats(session)
    return StatsDocument(
        receipts={verdict.value: count for verdict, count in stats.receipts.items()},
        purchases=stats.purchases,
        revenue_cents=stats.revenue_cents,
        counted_since=rfc3339(stats.counted_since) if stats.counted_since else None,
        counted_cents=stats.counted_cents,
    )


@get("/faults")
async def get_faults(faults: TheFaults) -> FaultDocument:
    """Return the current fault; after the end of a script, the mode is ``none``."""
    return _fault_document(faults.current)


@put("/faults", dto=StrictJson[FaultDocument], return_dto=None)
async def put_faults(data: JSONBody[FaultDocument], faults: TheFaults) -> FaultDocument:
    """Set the fault, from the next request on; the mode ``none`` ends it."""
    try:
        fault = make_fault(**msgspec.structs.asdict(data))
    except BadFault as error:
        raise Problem(400, str(error)) from None
    await faults.set(fault)
    return _fault_document(fault)


@get("/defences")
async def get_defences(defences: TheDefences) -> DefencesDocument:
    """Return which defences are on."""
    return DefencesDocument(**{each.value: each not in defences.off for each in Defence})


@put("/defences", dto=StrictJson[DefencesDocument], return_dto=None)
async def put_defences(data: JSONBody[DefencesDocument], defences: TheDefences) -> DefencesDocument:
    """Switch the defences on and off, from the next request on."""
    await defences.set(each for each in Defence if not getattr(data, each.value))
    return data


api_router = Router(
    path="/v1",
    route_handlers=[
        list_receipts_as_json,
        get_receipt,
        delete_receipts,
        get_stats,
        get_faults,
        put_faults,
        get_defences,
        put_defences,
    ],
    before_request=check_api_call,
    request_max_body_size=MAX_READ_BYTES,
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
    }
