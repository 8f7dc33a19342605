"""Answers a form that a browser sends twice with the first response, and acts once.

A double click on a slow connection sends a form twice, and the browser shows only the second
response. So forms that create something carry a nonce (``templates/shared/form_macros.html``), and
a handler with ``@once_per_form`` keeps its response for ``KEPT_SECONDS``. It is kept in the
database, for all processes, and encrypted, because it may show a secret.
"""

import asyncio
import base64
import functools
import hashlib
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from litestar import Request, Response
from litestar.datastructures import Cookie
from sqlalchemy import Connection, column, delete, select, table, text, update
from sqlalchemy.exc import OperationalError

from hookshop.webkit.database import Transactions
from hookshop.webkit.errors import Problem
from hookshop.webkit.sandbox_paths import link

NONCE = "_nonce"  # the field of a form
KEPT_SECONDS = 60
MAX_WAIT_SECONDS = 10  # for the first of two requests to end
POLL_INTERVAL_SECONDS = 0.05
FIRST_ERROR_STATUS = 400

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]
Handler = Callable[..., Awaitable[AnyResponse]]

# Each application has this table. ``key``: hash of the form. ``expires_at``: Unix seconds.
# ``answer``: the encrypted response, empty until there is one.
_ANSWERS = table("form_answer", column("key"), column("expires_at"), column("answer"))

_CLAIM = text(
    "INSERT INTO form_answer (key, expires_at, answer) VALUES (:key, :expires_at, '') "
    "ON CONFLICT DO NOTHING"
)

logger = logging.getLogger(__name__)


def new_nonce() -> str:
    """Return a value for the field ``NONCE`` of a form on a page that is not live."""
    return secrets.token_urlsafe(12)


def once_per_form(handler: Handler) -> Handler:
    """Act on the same form of the same browser once, and answer it again with the first response.

    Use it below ``@post`` on a handler with the parameter ``request``. A form without a nonce and a
    response with an error are not kept.
    """

    @functools.wraps(handler)
    async def answer_once(**kwargs: Any) -> AnyResponse:
        request: AnyRequest = kwargs["request"]
        answers: FormAnswers = request.app.state.form_answers
        return await answers.once(request, partial(handler, **kwargs))

    return answer_once


class FormAnswers:
    """The responses to the forms of the last minute. ``key``: any secret text."""

    def __init__(self, database: Transactions, key: str) -> None:
        self._database = database
        digest = hashlib.sha256(f"form answers {key}".encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))

    async def once(
        self, request: AnyRequest, act: Callable[[], Awaitable[AnyResponse]]
    ) -> AnyResponse:
        """Return the first response to this form, or else call ``act`` and keep its response."""
        key = await _key_of(request)
        if key is None:
            return await act()
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while not await self._database.write(partial(_claim, key)):
            if kept := await self._first_answer(key, deadline):
                return self._decrypted(kept)
        return await self._act_first(request, key, act)

    async def _first_answer(self, key: str, deadline: float) -> str | None:
        """Wait for the first request to end, and return its response, or None if it failed."""
        while (kept := await self._database.read(partial(_read, key))) == "":
            if time.monotonic() > deadline:
                raise _unfinished()
            await asyncio.sleep(POLL_INTERVAL_SECONDS)
        return kept

    async def _act_first(
        self, request: AnyRequest, key: str, act: Callable[[], Awaitable[AnyResponse]]
    ) -> AnyResponse:
        try:
            response = await act()
        except BaseException:
            with suppress(OperationalError):  # the first error says more
                await self._database.write(partial(_forget, key))
            raise
        if (response.status_code or 0) >= FIRST_ERROR_STATUS:
            await self._database.write(partial(_forget, key))
            return response
        packed = _pack(response, request)
        encrypted = self._fernet.encrypt(packed).decode()
        try:
            await self._database.write(partial(_keep, key, encrypted))
        except OperationalError as error:  # it has worked all the same
            logger.warning("%s: response not kept: %s", request.url.path, error.orig)
        return _unpack(packed)

    def _decrypted(self, kept: str) -> AnyResponse:
        try:
            return _unpack(self._fernet.decrypt(kept.encode()))
        except InvalidToken:  # the key has changed meanwhile
            raise _unfinished() from None


async def _key_of(request: AnyRequest) -> str | None:
    """Return a hash of the form and the browser, or None for a form without a nonce.

    The CSRF token identifies the browser: it has been compared with the browser's cookie.
    """
    fields = [(name, str(value)) for name, value in (await request.form()).multi_items()]
    names = {name for name, value in fields if value}
    if not {NONCE, "_csrf_token"} <= names:
        return None
    form = json.dumps([link(request.url.path), fields], ensure_ascii=True)
    return hashlib.sha256(form.encode()).hexdigest()


def _unfinished() -> Problem:
    return Problem(
        409,
        "this form was sent twice, and the first time has not ended yet; "
        "look whether it has worked before you try again",
    )


def _pack(response: AnyResponse, request: AnyRequest) -> bytes:
    rendered = response.to_asgi_response(None, request)
    headers = {name: value for name, value in rendered.headers.items() if name != "set-cookie"}
    packed = {
        "status": rendered.status_code,
        "headers": headers,
        "cookies": [asdict(cookie) for cookie in response.cookies],
        "body": base64.b64encode(rendered.body).decode(),
    }
    return json.dumps(packed).encode()


def _unpack(packed: bytes) -> AnyResponse:
    answer = json.loads(packed)
    headers = dict(answer["headers"])
    return Response(
        base64.b64decode(answer["body"]),
        status_code=answer["status"],
        # Without the charset, which Litestar adds.
        media_type=headers.pop("content-type", "").partition(";")[0] or None,
        headers={name: value for name, value in headers.items() if name != "content-length"},
        cookies=[Cookie(**cookie) for cookie in answer["cookies"]],
    )


def _claim(key: str, connection: Connection) -> bool:
    """Return whether this request is the first one with the form."""
    now = int(time.time())
    connection.execute(delete(_ANSWERS).where(_ANSWERS.c.expires_at <= now))
    return connection.execute(_CLAIM, {"key": key, "expires_at": now + KEPT_SECONDS}).rowcount == 1


def _read(key: str, connection: Connection) -> str | None:
    found = select(_ANSWERS.c.answer).where(_ANSWERS.c.key == key)
    return connection.execute(found).scalar()


def _keep(key: str, answer: str, connection: Connection) -> None:
    connection.execute(update(_ANSWERS).where(_ANSWERS.c.key == key).values(answer=answer))


def _forget(key: str, connection: Connection) -> None:
    connection.execute(delete(_ANSWERS).where(_ANSWERS.c.key == key))
