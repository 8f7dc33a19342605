"""The types of fields that several documents of the JSON API have, with an example each."""

from typing import Annotated

from litestar.params import QueryParameter
from msgspec import Meta

from shop.vocabulary import EventType
from shop.webhooks.queries.deliveries import MAX_PAGE_SIZE

OrderId = Annotated[str, Meta(examples=["ord_01939f0c5e7a7c3fb1a2d4e5f60718a9"])]
MessageId = Annotated[
    str,
    Meta(
        description="The `webhook-id` of every attempt.",
        examples=["msg_01939f0c5e7b7d40a1b2c3d4e5f60718"],
    ),
]
DeliveryId = Annotated[str, Meta(examples=["dlv_01939f0c5e7c7e51b2c3d4e5f6071829"])]
EndpointId = Annotated[str, Meta(examples=["ep_01939f0a1b2c7d3e8f90a1b2c3d4e5f6"])]
SecretId = Annotated[
    str,
    Meta(description="The `kid` of tokens.", examples=["sec_01939f0a1b2d7e4f9a0b1c2d3e4f5061"]),
]
Secret = Annotated[
    str,
    Meta(
        description="The base64 of 32 random bytes, after `whsec_`.",
        examples=["whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="],
    ),
]
Time = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-23T12:00:00.000Z"])
]
WholeSecond = Annotated[
    str, Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-23T12:00:00Z"])
]
WebhookUrl = Annotated[
    str,
    Meta(
        description="An http or https URL. The bytes of its path and query are sent unchanged.",
        examples=["http://127.0.0.1:8001/v1/new-purchase"],
    ),
]
DescribedbyLink = Annotated[
    str | None,
    Meta(
        description="The header `Link` with `rel=describedby` of a response, if it has one.",
        examples=["http://127.0.0.1:8001/receipts/rcp_01939f0c5e7d7f62a3b4c5d6e7f80910"],
    ),
]
Issuer = Annotated[
    str, Meta(description="The `iss` of the shop's tokens.", examples=["http://127.0.0.1:8000"])
]
EventTypeList = Annotated[list[EventType], Meta(examples=[["purchase.created"]])]
SkippedSeconds = Annotated[
    float, Meta(description="Time skipped with `POST /v1/clock/advance`.", examples=[0.0])
]
Cents = Annotated[int, Meta(examples=[5075])]
Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE_SIZE, description="The size of the page.")]
Cursor = Annotated[str | None, QueryParameter(description="The `next_cursor` of the page before.")]
NextCursor = Annotated[
    str | None,
    Meta(description="Pass it as `cursor` to get the next page.", examples=[None]),
]
