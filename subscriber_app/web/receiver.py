"""``POST /v1/new-purchase``: where the webhooks come in. Reads the raw request, and answers.

Everything between is ``inbox``'s. Nothing here declares what it expects, on purpose: a framework
that validates first would answer by itself, and the refusal would leave no receipt.
"""

from http import HTTPStatus
from typing import Any

from litestar import Request, Response, post
from litestar.exceptions import InternalServerException

from subscriber_app.config import RECEIVER_PATH
from subscriber_app.inbox import Received
from subscriber_app.verification import LARGEST_BODY, IncomingRequest
from subscriber_app.vocabulary import Verdict
from subscriber_app.web.access import OPEN_TO_ALL
from subscriber_app.web.dependencies import TheInbox

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


# No limit of the framework's: the one here leaves a receipt.
@post(RECEIVER_PATH, request_max_body_size=None, opt=OPEN_TO_ALL)
async def receive_webhook(request: AnyRequest, inbox: TheInbox) -> AnyResponse:
    """Receive one webhook. 200: it is safe here; anything else: not, and ``reason`` says why."""
    return _answer(await inbox.receive(await _read(request)))


async def _read(request: AnyRequest) -> IncomingRequest:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in _raw(request)]
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return IncomingRequest(headers, bytes(body[:LARGEST_BODY]), is_too_large=True)
    except InternalServerException:  # Litestar's word for a sender who went away
        return IncomingRequest(headers, bytes(body), is_incomplete=True)
    return IncomingRequest(headers, bytes(body))


def _raw(request: AnyRequest) -> list[tuple[bytes, bytes]]:
    """Name and value of each header, repeated ones included; ASGI has names in lower case."""
    return list(request.scope["headers"])


def _answer(received: Received) -> AnyResponse:
    receipt = received.receipt
    if receipt.verdict is not Verdict.REJECTED:
        return Response(
            {"receipt_id": receipt.id, "verdict": receipt.verdict.value}, status_code=receipt.status
        )
    return Response(
        {
            "type": "about:blank",
            "title": _phrase(receipt.status),
            "status": receipt.status,
            "detail": received.detail,
            "reason": receipt.reason,
            "receipt_id": receipt.id,
        },
        status_code=receipt.status,
        media_type="application/problem+json",
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"  # a status that nobody has defined, set as a fault
