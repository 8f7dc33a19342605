"""Describes ``POST /v1/new-purchase`` for the OpenAPI document: its handler declares nothing.

These structs decode nothing: a webhook is verified as bytes before anything reads it as JSON.
"""

from collections import defaultdict
from typing import Annotated

from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Meta, Struct, UnsetType

from hookshop.webkit.json_api import problems
from hookshop.webkit.openapi import RawBody
from subscriber_app.vocabulary import EventType, Reason, Verdict

ReceiptId = Annotated[str, Meta(examples=["rcp_01939f0c5e7d7f62a3b4c5d6e7f80910"])]


class EventDocument(Struct):
    """What happened. `value`: in the shop's currency; negative for a refund."""

    id: Annotated[str, Meta(examples=["54520505-be85-40c8-a575-0ec33908f1a8"])]
    type: EventType
    value: Annotated[float | UnsetType, Meta(examples=[50.75])] = UNSET
    order_id: Annotated[
        str | UnsetType, Meta(examples=["ord_01939f0c5e7a7c3fb1a2d4e5f60718a9"])
    ] = UNSET


class WebhookDocument(Struct):
    """The body of a webhook. `date`: the time of the event."""

    event: EventDocument
    date: Annotated[
        str, Meta(extra_json_schema={"format": "date-time"}, examples=["2024-06-30T12:34:56Z"])
    ]


class ReceivedDocument(Struct):
    """The webhook is genuine, and stored unless it is `ignored` or a `duplicate`."""

    receipt_id: ReceiptId
    verdict: Verdict


class RejectionProblem(Struct):
    """Why the request was rejected. Without a `receipt_id`, it left no receipt."""

    type: str
    title: str
    status: int
    detail: str
    reason: Reason | UnsetType = UNSET
    receipt_id: ReceiptId | UnsetType = UNSET
    request_id: str | UnsetType = UNSET


def _meanings() -> dict[int, str]:
    """Return each status of a rejection with the reasons that have it."""
    reasons = defaultdict(list)
    for reason in Reason:
        if reason is not Reason.SIMULATED_FAULT:
            reasons[reason.status].append(f"`{reason}`")
    return {status: f"Rejected: {', '.join(names)}." for status, names in reasons.items()}


RESPONSES = {
    200: ResponseSpec(
        ReceivedDocument,
        description="Accepted, ignored or a duplicate.",
        media_type="application/json",
    ),
    **problems(_meanings() | {503: "The database is busy or away."}, RejectionProblem),
}
REQUEST = RawBody(
    WebhookDocument,
    headers={
        "webhook-id": ("The same on every attempt.", "msg_01939f0c5e7b7d40a1b2c3d4e5f60718"),
        "webhook-timestamp": ("Unix seconds of this attempt.", "1719750896"),
        "webhook-signature": (
            "Standard Webhooks v1, space-separated. The token in Authorization is the alternative.",
            "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
        ),
    },
    otherwise=RejectionProblem,
)
