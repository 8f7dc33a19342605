"""``GET /v1/refused-registrations``: URLs that the shop did not register, and why."""

from typing import Annotated

from litestar import get
from msgspec import Meta, Struct

from hookshop.webkit.times import rfc3339_ms
from shop.vocabulary import RefusalReason
from shop.web.api.fields import NextCursor, Time
from shop.web.dependencies import TheDatabase
from shop.webhooks.endpoints.refusals import list_refusals


class RefusalDocument(Struct):
    """A registration that was refused. ``detail``: the reason in words, as in the response."""

    id: Annotated[str, Meta(examples=["rfr_01939f0a1b2c7d3e8f90a1b2c3d4e5f6"])]
    webhook_url: Annotated[
        str,
        Meta(
            description="As in the request, but without user name and password, and at most 2,048 "
            "characters.",
            examples=["http://169.254.169.254/latest/meta-data/"],
        ),
    ]
    reason: Annotated[RefusalReason, Meta(examples=["not_public"])]
    detail: Annotated[str, Meta(examples=["169.254.169.254 is not a public address"])]
    refused_at: Time


class RefusalList(Struct):
    """The newest hundred, on one page."""

    data: list[RefusalDocument]
    next_cursor: NextCursor


@get("/refused-registrations", operation_id="listRefusedRegistrations")
async def list_refused_registrations(database: TheDatabase) -> RefusalList:
    """Return the newest registrations that were refused because of their URL, newest first."""
    async with database.reading() as session:
        found = await list_refusals(session)
    return RefusalList(
        [
            RefusalDocument(
                each.id, each.url, each.reason, each.detail, rfc3339_ms(each.refused_at)
            )
            for each in found
        ],
        next_cursor=None,
    )
