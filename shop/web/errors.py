"""Turns every refusal and failure into an answer: problem documents for programs, pages elsewhere.

The handlers are wired in ``app``. Nothing of an exception's inside reaches a client; a failure of
our own is logged once, here.
"""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException
from litestar.response import Redirect, Template
from sqlalchemy.exc import OperationalError

from hookshop.webkit.errors import Problem
from hookshop.webkit.logs import request_id
from shop.fulfilment import NotPossible
from shop.idempotency import KeyReused
from shop.orders import UnknownProduct
from shop.web.access import FOR_PROGRAMS
from shop.web.security import SECURITY_HEADERS
from shop.webhooks.endpoint_secrets import TooManySecrets
from shop.webhooks.endpoints import AlreadyRegistered, NothingToPause
from shop.webhooks.log import BadCursor
from shop.webhooks.urls import UrlRefused

RETRY_AFTER_SECONDS = 5
_NO_SUCH_PAGE = "there is no page at this address; perhaps a part of it is missing"

logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]


def exception_handlers() -> dict[int | type[Exception], Callable[..., AnyResponse]]:
    """What ``Litestar(exception_handlers=…)`` wants."""
    return {
        HTTPException: _answer_http_exception,
        PermissionDeniedException: _answer_bad_token,
        NotAuthorizedException: _answer_stranger,
        UnknownProduct: _answers(404),
        UrlRefused: _answers(422),
        BadCursor: _answers(400),
        NotPossible: _answers(409),
        KeyReused: _answers(422),
        NothingToPause: _answers(409),
        TooManySecrets: _answers(409),
        AlreadyRegistered: _answer_already_registered,
        OperationalError: _answer_database_away,
        Exception: _answer_failure,
    }


def _answer_http_exception(request: AnyRequest, error: HTTPException) -> AnyResponse:
    problem = Problem(error.status_code, _detail(error), headers=error.headers)
    problem.members = getattr(error, "members", {})
    problem.way_out = getattr(error, "way_out", None)
    return _answer(request, problem)


def _answer_bad_token(request: AnyRequest, _error: Exception) -> AnyResponse:
    # Nothing else is forbidden here: the form came without the token that belongs to the cookie.
    return _answer(request, Problem(403, "this form is out of date; reload the page and try again"))


def _answer_stranger(request: AnyRequest, error: NotAuthorizedException) -> AnyResponse:
    """A program is told what to send; a person is sent to the login, and on from there."""
    if request.url.path.startswith(FOR_PROGRAMS):
        return _answer(request, Problem(401, error.detail, headers={"WWW-Authenticate": "Bearer"}))
    wanted = _path_and_query(request) if request.method == "GET" else ""
    return Redirect(f"/login?{urlencode({'next': wanted})}", status_code=303)


def _path_and_query(request: AnyRequest) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _detail(error: HTTPException) -> str:
    """Litestar's message, with the reasons it keeps apart for wrong parameters."""
    reasons = error.extra if isinstance(error.extra, list) else []
    texts = [f"{reason.get('key')}: {reason.get('message')}" for reason in reasons]
    return "; ".join(texts) or error.detail


def _answers(status: int) -> Callable[[AnyRequest, Exception], AnyResponse]:
    def handler(request: AnyRequest, error: Exception) -> AnyResponse:
        return _answer(request, Problem(status, str(error)))

    return handler


def _answer_already_registered(request: AnyRequest, error: AlreadyRegistered) -> AnyResponse:
    return _answer(request, Problem(409, str(error), endpoint_id=error.endpoint_id))


def _answer_database_away(request: AnyRequest, error: OperationalError) -> AnyResponse:
    logger.error("%s %s: database unavailable: %s", request.method, request.url.path, error.orig)
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    # Not "nothing was written": a server that goes away in the middle of a commit may have done it.
    detail = "the database is busy or away; try again, with an Idempotency-Key to be safe"
    return _answer(request, Problem(503, detail, headers=headers))


def _answer_failure(request: AnyRequest, error: Exception) -> AnyResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(request, Problem(500, "something broke on our side; the log says what"))


def _answer(request: AnyRequest, problem: Problem) -> AnyResponse:
    if request.url.path.startswith(FOR_PROGRAMS):
        return _problem_document(problem)
    return _error_page(problem)


def _problem_document(problem: Problem) -> AnyResponse:
    return Response(
        {
            "type": "about:blank",
            "title": HTTPStatus(problem.status_code).phrase,
            "status": problem.status_code,
            "detail": problem.detail,
            "request_id": request_id.get(),
            **problem.members,
        },
        status_code=problem.status_code,
        headers=_headers(problem),
        media_type="application/problem+json",
    )


def _error_page(problem: Problem) -> AnyResponse:
    status = HTTPStatus(problem.status_code)
    detail = problem.detail
    if detail == status.phrase:  # Litestar has no words of its own, as for an unknown address
        detail = _NO_SUCH_PAGE if status == HTTPStatus.NOT_FOUND else status.description
    return Template(
        "shop/error.html",
        context={
            "status": status.value,
            "title": status.phrase,
            "detail": f"{detail[:1].upper()}{detail[1:]}.",  # on a page it is a sentence
            "request_id": request_id.get(),
            "way_out": problem.way_out,
        },
        status_code=problem.status_code,
        headers=_headers(problem),
        media_type=MediaType.HTML,
    )


def _headers(problem: Problem) -> dict[str, str]:
    """With those that Litestar adds to the answers of handlers, but not to these."""
    security = {header.name: str(header.value) for header in SECURITY_HEADERS}
    return security | (problem.headers or {})
