"""Shows a form that was refused for its token again, with its values and a valid token.

A token becomes invalid when the browser loses the cookie that belongs to it, for example if the
reader deletes cookies while a page is open. What the reader has typed should not be lost then.
"""

import hmac
from typing import Any

from litestar import MediaType, Request, Response
from litestar.middleware.csrf import (
    CSRF_SECRET_LENGTH,
    generate_csrf_hash,
    generate_csrf_token,
)
from litestar.response import Template
from litestar.types import Empty
from litestar.utils.scope.state import ScopeState

from hookshop.webkit.cookies import Cookies, cookies_of
from hookshop.webkit.security import CSRF_PURPOSE, NO_STORE

TOKEN_FIELD = "_csrf_token"  # noqa: S105 – the name of a field
SECRET_FIELDS = ("admin_token",)

AnyRequest = Request[Any, Any, Any]


def refused_form(request: AnyRequest, headers: dict[str, str]) -> Response[Any] | None:
    """Return the page with the refused form, status 403; None if no form was submitted.

    ``headers``: those of every response.
    """
    fields = _submitted_fields(request)
    if fields is None:
        return None
    cookies = cookies_of(request)
    name = cookies.main_name(CSRF_PURPOSE)
    token = request.cookies.get(name, "")
    is_valid = _is_token(token, cookies)
    if not is_valid:
        token = generate_csrf_token(cookies.app_key)
    # Litestar makes the field of the page's form from this.
    ScopeState.from_scope(request.scope).csrf_token = token
    return Template(
        "shared/refused_form.html",
        context={"address": _address(request), "fields": fields, "secret_fields": SECRET_FIELDS},
        status_code=403,
        media_type=MediaType.HTML,
        headers=headers | NO_STORE | _htmx_headers(request),
        cookies=[] if is_valid else [cookies.make(name, token, path=cookies.path)],
    )


def _submitted_fields(request: AnyRequest) -> list[tuple[str, str]] | None:
    """Return name and value of each field, without the token and without uploaded files."""
    # An exception handler cannot read the body, but the check of the token has read it already.
    form = ScopeState.from_scope(request.scope).form
    if form is Empty:
        return None
    pairs = [
        (name, value)
        for name, values in form.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return [(it, text) for it, text in pairs if isinstance(text, str) and it != TOKEN_FIELD]


def _is_token(text: str, cookies: Cookies) -> bool:
    secret, signature = text[:CSRF_SECRET_LENGTH], text[CSRF_SECRET_LENGTH:]
    wanted = generate_csrf_hash(secret, cookies.app_key)
    return hmac.compare_digest(signature.encode(), wanted.encode())


def _address(request: AnyRequest) -> str:
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def _htmx_headers(request: AnyRequest) -> dict[str, str]:
    """Have htmx load the page anew: it shows only a part of a response, or nothing."""
    return {"HX-Refresh": "true"} if "hx-request" in request.headers else {}
