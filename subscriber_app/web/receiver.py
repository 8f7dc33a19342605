"""``POST /v1/new-purchase``: where the webhooks come in. Reads the raw request, and answers.

Everything between is ``inbox``'s. Nothing here declares what it expects, on purpose: a framework
that validates first would answer by itself, and the refusal would leave no receipt.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from litestar import Request, Response, post
from litestar.exceptions import InternalServerException

from hookshop.webkit.access import OPEN_TO_ALL
from subscriber_app.config import RECEIVER_PATH
from subscriber_app.faults import FaultAction
from subscriber_app.faults.actions import DEFAULT_LOCATION
from subscriber_app.receiving.inbox import Received
from subscriber_app.receiving.verification import (
    BODY_DEADLINE_SECONDS,
    MAX_BODY_BYTES,
    IncomingRequest,
)
from subscriber_app.vocabulary import Reason
from subscriber_app.web.dependencies import TheInbox
from subscriber_app.web.fault_injection import act_out

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


# No limit of the framework's: the one here leaves a receipt.
@post(RECEIVER_PATH, request_max_body_size=None, opt=OPEN_TO_ALL)
async def receive_webhook(request: AnyRequest, inbox: TheInbox) -> AnyResponse:
    """Receive one webhook. 200: it is safe here; anything else: not, and ``reason`` says why."""
    incoming = await _read(request)
    received = await inbox.receive(incoming)
    # Of the state, since there must be no second dependency: Litestar would collect the two in
    # tasks of their own, and meanwhile the server throws away what it read of a sender who is gone.
    if received.receipt.reason is Reason.TOKEN_ISSUER:
        # Signed with a secret of ours, so the shop may have another address by now.
        request.app.state.subscriptions.ask_again()
    if received.mishap:
        await act_out(received.mishap, request, request.app.state.feed)
    answer = _answer(received, request.app.state.public_url)
    if incoming.is_too_slow:
        answer.headers["Connection"] = "close"  # the rest of the body is not waited for
    return answer


async def _read(request: AnyRequest) -> IncomingRequest:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _raw(request)]
    body, is_too_large = bytearray(), False
    try:
        async with asyncio.timeout(BODY_DEADLINE_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    # Read on, so that the sender gets to hear our answer; but keep nothing.
                    is_too_large = True
                    del body[MAX_BODY_BYTES:]
    except InternalServerException:  # Litestar's word for a sender who went away
        return IncomingRequest(headers, bytes(body), is_too_large, is_incomplete=True)
    except TimeoutError:
        return IncomingRequest(headers, bytes(body), is_too_large, is_too_slow=True)
    return IncomingRequest(headers, bytes(body), is_too_large)


def _raw(request: AnyRequest) -> list[tuple[bytes, bytes]]:
    """Name and value of each header, repeated ones included; ASGI has names in lower case."""
    return list(request.scope["headers"])


def _answer(received: Received, public_url: str) -> AnyResponse:
    receipt = received.receipt
    status = receipt.status or HTTPStatus.INTERNAL_SERVER_ERROR  # of no answer nobody sees this
    if status == HTTPStatus.NOT_MODIFIED:
        return Response(None, status_code=status)  # by RFC 9110 it has no body
    if status == HTTPStatus.OK:
        return Response(
            {"receipt_id": receipt.id, "verdict": receipt.verdict.value},
            status_code=status,
            headers=_link(received, public_url),
        )
    return Response(
        {
            "type": "about:blank",
            "title": _phrase(status),
            "status": status,
            "detail": received.detail or "Received and booked; and then failed on purpose",
            "reason": receipt.reason or Reason.SIMULATED_FAULT,
            "receipt_id": receipt.id,
        },
        status_code=status,
        headers=_link(received, public_url) | _headers(received.mishap),
        media_type="application/problem+json",
    )


def _link(received: Received, public_url: str) -> dict[str, str]:
    """Where a person finds this request explained (RFC 8288, "Web Linking")."""
    return {"Link": f'<{public_url}/receipts/{received.receipt.id}>; rel="describedby"'}


def _headers(mishap: FaultAction | None) -> dict[str, str]:
    if mishap is None or mishap.status is None:
        return {}
    if mishap.retry_after is not None:
        return {"Retry-After": str(mishap.retry_after)}
    is_redirect = mishap.status < HTTPStatus.BAD_REQUEST
    return {"Location": mishap.location or DEFAULT_LOCATION} if is_redirect else {}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"  # a status that nobody has defined, set as a fault
