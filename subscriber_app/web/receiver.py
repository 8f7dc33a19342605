"""``POST /v1/new-purchase``, the webhook receiver: reads the raw request and responds.

The handler declares no body and no headers, on purpose: a framework that validates them would
reject a request itself, and it would leave no receipt.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, post
from litestar.exceptions import InternalServerException, ServiceUnavailableException

from hookshop.webkit.access import OPEN_EVERYWHERE
from hookshop.webkit.errors import Problem
from hookshop.webkit.openapi import RAW_BODY
from subscriber_app.config import RECEIVER_PATH
from subscriber_app.faults import FaultAction, FaultActionKind
from subscriber_app.faults.actions import DEFAULT_LOCATION
from subscriber_app.missions.failing_endpoints import HANGING_QUERY
from subscriber_app.receiving.inbox import Received
from subscriber_app.receiving.verification import (
    BODY_DEADLINE_SECONDS,
    MAX_BODY_BYTES,
    IncomingRequest,
)
from subscriber_app.vocabulary import Reason
from subscriber_app.web.current_parts import parts_of
from subscriber_app.web.fault_injection import MAX_HOLD_SECONDS, inject
from subscriber_app.web.webhook_documents import REQUEST, RESPONSES

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]

NO_RESPONSE = FaultAction(FaultActionKind.TIMEOUT)
# Of the process: anybody may send such requests, and each keeps a connection open. A worker of the
# shop has this many under way at most: thirty learners with 20 each. More would come near the 1,024
# open files to which most systems limit a process.
MAX_HANGING_REQUESTS = 600


class HangingRequests:
    """The requests that get no response, for a mission. ``count``: how many there are now."""

    def __init__(self) -> None:
        self.count = 0

    async def hold(self, request: AnyRequest) -> None:
        """Return when the sender has given up. Raise ``Problem`` if too many hang already."""
        if self.count >= MAX_HANGING_REQUESTS:
            raise Problem(
                503,
                f"{self.count} requests to this address wait for a response that never comes, "
                f"and it keeps no more. Each ends when its sender gives up, or after "
                f"{MAX_HOLD_SECONDS} s: try again then",
            )
        self.count += 1
        try:
            await inject(NO_RESPONSE, request, parts_of(request).feed)
        finally:
            self.count -= 1


HANGING = HangingRequests()


# Not the framework's size limit: ours leaves a receipt.
@post(
    RECEIVER_PATH,
    request_max_body_size=None,
    status_code=200,
    tags=["Receiver"],
    responses=RESPONSES,
    opt={**OPEN_EVERYWHERE, RAW_BODY: REQUEST},
)
async def receive_webhook(request: AnyRequest) -> AnyResponse:
    """Receive one webhook. A 200 means that it is stored; otherwise ``reason`` says why not.

    With the query ``hang`` it never responds and keeps nothing, for a mission. Beyond a number of
    such requests, it responds with 503 at once.
    """
    if request.scope["query_string"] == HANGING_QUERY.encode():
        await HANGING.hold(request)
        raise ServiceUnavailableException("this address never responds")
    incoming = await _read(request)
    # Not as dependencies: Litestar would resolve several in separate tasks, and meanwhile the
    # server drops the bytes that it has read from a sender who disconnects.
    parts = parts_of(request)
    received = await parts.inbox.receive(incoming)
    if received.reason is Reason.TOKEN_ISSUER:
        # Signed with our secret, so the shop's URL may have changed.
        parts.subscriptions.refresh_in_background()
    if received.action:
        await inject(received.action, request, parts.feed)
    response = _respond(received, parts.site.base_url)
    if incoming.is_too_slow:
        response.headers["Connection"] = "close"  # do not wait for the rest of the body
    return response


async def _read(request: AnyRequest) -> IncomingRequest:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _raw(request)]
    body, is_too_large = bytearray(), False
    try:
        async with asyncio.timeout(BODY_DEADLINE_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    # Keep reading, so that the sender can read our response; drop the bytes.
                    is_too_large = True
                    del body[MAX_BODY_BYTES:]
    except InternalServerException:  # Litestar raises this when the sender disconnects
        return IncomingRequest(headers, bytes(body), is_too_large, is_incomplete=True)
    except TimeoutError:
        return IncomingRequest(headers, bytes(body), is_too_large, is_too_slow=True)
    return IncomingRequest(headers, bytes(body), is_too_large)


def _raw(request: AnyRequest) -> list[tuple[bytes, bytes]]:
    """Return name and value of each header, including repeated ones. Names are in lower case."""
    return list(request.scope["headers"])


def _respond(received: Received, base_url: str) -> AnyResponse:
    # A receipt without a status: a fault has closed the connection, so any status will do.
    status = received.status or HTTPStatus.INTERNAL_SERVER_ERROR
    if status == HTTPStatus.NOT_MODIFIED:
        return Response(None, status_code=status)  # RFC 9110: it has no body
    if status == HTTPStatus.OK:
        return Response(
            {"receipt_id": received.receipt_id, "verdict": received.verdict.value},
            status_code=status,
            headers=_link_header(received, base_url),
        )
    return Response(
        {
            "type": "about:blank",
            "title": _phrase(status),
            "status": status,
            "detail": received.detail or "Received and booked, then failed on purpose",
            "reason": received.reason or Reason.SIMULATED_FAULT,
            "receipt_id": received.receipt_id,
        },
        status_code=status,
        headers=_link_header(received, base_url) | _fault_headers(received.action),
        media_type="application/problem+json",
    )


def _link_header(received: Received, base_url: str) -> dict[str, str]:
    """Return the header with the URL of the receipt's page (RFC 8288, "Web Linking")."""
    return {"Link": f'<{base_url}/receipts/{received.receipt_id}>; rel="describedby"'}


def _fault_headers(action: FaultAction | None) -> dict[str, str]:
    if action is None or action.status is None:
        return {}
    if action.retry_after is not None:
        return {"Retry-After": str(action.retry_after)}
    is_redirect = action.status < HTTPStatus.BAD_REQUEST
    return {"Location": action.location or DEFAULT_LOCATION} if is_redirect else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"  # a fault may set an undefined status
