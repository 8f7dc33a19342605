"""Fields that several documents of the JSON API have."""

from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Meta

from subscriber_app.receiving.receipts import MAX_PAGE_SIZE

Time = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-23T12:00:00.000Z"])
]
WholeSecond = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-23T12:00:00Z"])
]
NextCursor = Annotated[str | None, Meta(examples=[None])]

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE_SIZE, description="The size of the page.")]
Cursor = Annotated[str | None, QueryParameter(description="The `next_cursor` of the page before.")]
