"""Turns every error into a response: a problem document for programs, a page for people.

A client sees the text of an exception only if that was written for clients. Unexpected errors are
logged once, here.
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException, PermissionDeniedException
from litestar.response import Redirect, Template
from sqlalchemy.exc import OperationalError

from hookshop.webkit.access import LIVE_SUFFIX, is_program_path
from hookshop.webkit.logs import request_id
from hookshop.webkit.refused_forms import refused_form
from hookshop.webkit.sandboxes import why_no_sandbox_serves
from hookshop.webkit.security import SECURITY_HEADERS
from hookshop.webkit.validation_messages import in_json_words

RETRY_AFTER_SECONDS = 5
PROBLEM_JSON = "application/problem+json"
# Where Litestar says only the name of the status.
_DETAILS = {
    404: "there is no such path",
    405: "this path has no such method; the header Allow names those it has",
    413: "the body is too long",
}
_NO_SUCH_PAGE = "this page does not exist; check the address"

logger = logging.getLogger(__name__)
AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]
Handler = Callable[[AnyRequest, Any], AnyResponse]


class Problem(HTTPException):
    """An error response: a status and one sentence for the client (RFC 9457, "Problem Details").

    ``members``: further fields of the problem document. ``link``: address and label of the first
    link on the error page.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        link: tuple[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail=detail, status_code=status, headers=headers)
        self.link = link
        self.members = members


def exception_handlers(
    refusals: Mapping[type[Exception], int | Handler], *, database_unavailable: str
) -> dict[int | type[Exception], Callable[..., AnyResponse]]:
    """Return the handlers for ``Litestar(exception_handlers=…)``.

    ``refusals``: the application's own exceptions, each with a handler or with a status; a status
    is sent with the exception's text. ``database_unavailable``: the sentence for 503.
    """
    own: dict[int | type[Exception], Callable[..., AnyResponse]] = {
        error: answer_with(handler) if isinstance(handler, int) else handler
        for error, handler in refusals.items()
    }
    return {
        **own,
        HTTPException: _answer_http_exception,
        PermissionDeniedException: _answer_bad_csrf_token,
        NotAuthorizedException: _answer_unauthenticated,
        OperationalError: _answer_database_unavailable(database_unavailable),
        Exception: _answer_failure,
    }


def answer_with(status: int) -> Handler:
    """Return a handler that answers with this status and the text of the exception."""

    def handler(request: AnyRequest, error: Exception) -> AnyResponse:
        return answer(request, Problem(status, str(error)))

    return handler


def _answer_http_exception(request: AnyRequest, error: HTTPException) -> AnyResponse:
    detail = _detail(request, error)
    if detail == HTTPStatus.NOT_FOUND.phrase:
        detail = why_no_sandbox_serves(request.url.path) or detail
    problem = Problem(error.status_code, detail, headers=error.headers)
    problem.members = getattr(error, "members", {})
    problem.link = getattr(error, "link", None)
    return answer(request, problem)


def _answer_bad_csrf_token(request: AnyRequest, _error: Exception) -> AnyResponse:
    # Only CSRF protection raises this: the form's token does not match the cookie.
    problem = Problem(403, "this form is out of date; reload the page and try again")
    return refused_form(request, _headers(problem)) or answer(request, problem)


def _answer_unauthenticated(request: AnyRequest, error: NotAuthorizedException) -> AnyResponse:
    """Answer 401 to a program. Redirect a person to the login, which leads back to the page."""
    if request.url.path.endswith(LIVE_SUFFIX):
        # Not a redirect: a page would take the login for a broken stream and reconnect endlessly.
        return _problem_document(Problem(401, "the session has ended; log in again"))
    if is_program_path(request.url.path):
        return answer(request, Problem(401, error.detail, headers={"WWW-Authenticate": "Bearer"}))
    wanted = _path_and_query(request) if request.method == "GET" else ""
    return Redirect(f"/login?{urlencode({'next': wanted})}", status_code=303)


def _path_and_query(request: AnyRequest) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _detail(request: AnyRequest, error: HTTPException) -> str:
    """Return Litestar's message, or for wrong parameters the reasons, which are in ``extra``."""
    reasons = error.extra if isinstance(error.extra, list) else []
    texts = [
        f"{_public_name(request, reason['key'])}: {in_json_words(reason['message'])}"
        for reason in reasons
    ]
    return "; ".join(texts) or error.detail


def _public_name(request: AnyRequest, parameter: str) -> str:
    """Return the name that clients use for a parameter of the handler."""
    signature = request.route_handler.parsed_fn_signature.parameters
    definition = signature[parameter].kwarg_definition if parameter in signature else None
    return getattr(definition, "name", None) or parameter


def _answer_database_unavailable(detail: str) -> Handler:
    def handler(request: AnyRequest, error: OperationalError) -> AnyResponse:
        path = request.url.path
        logger.error("%s %s: database unavailable: %s", request.method, path, error.orig)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return answer(request, Problem(503, detail, headers=headers))

    return handler


def _answer_failure(request: AnyRequest, error: Exception) -> AnyResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return answer(request, Problem(500, "an unexpected error occurred; the log has the details"))


def answer(request: AnyRequest, problem: Problem) -> AnyResponse:
    """Return the problem as a problem document for a program or as a page for a person."""
    if is_program_path(request.url.path):
        return _problem_document(problem)
    return error_page(problem)


def _problem_document(problem: Problem) -> AnyResponse:
    title = HTTPStatus(problem.status_code).phrase
    is_bare = problem.detail == title  # Litestar gives no detail
    return Response(
        {
            "type": "about:blank",
            "title": title,
            "status": problem.status_code,
            "detail": _DETAILS.get(problem.status_code, title) if is_bare else problem.detail,
            "request_id": request_id.get(),
            **problem.members,
        },
        status_code=problem.status_code,
        headers=_headers(problem),
        media_type=PROBLEM_JSON,
    )


def error_page(problem: Problem, template: str = "shared/error.html") -> AnyResponse:
    """Return the page that shows the problem to a person."""
    status = HTTPStatus(problem.status_code)
    detail = problem.detail
    if detail == status.phrase:  # Litestar gives no detail, for example for an unknown path
        detail = _NO_SUCH_PAGE if status == HTTPStatus.NOT_FOUND else status.description
    return Template(
        template,
        context={
            "status": status.value,
            "title": status.phrase,
            "detail": f"{detail[:1].upper()}{detail[1:]}.",  # on a page it is a sentence
            "request_id": request_id.get(),
            "first_link": problem.link,
        },
        status_code=problem.status_code,
        headers=_headers(problem),
        media_type=MediaType.HTML,
    )


def _headers(problem: Problem) -> dict[str, str]:
    """Return the problem's headers and the security headers.

    Litestar adds the latter only to the responses of handlers.
    """
    security = {header.name: str(header.value) for header in SECURITY_HEADERS}
    return security | (problem.headers or {})
