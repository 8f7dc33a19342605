"""The request editor: change any header or byte, compute valid credentials, and send it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from hookshop.webkit.double_submit import once_per_form
from hookshop.webkit.errors import Problem
from subscriber_app.database.models import Receipt
from subscriber_app.lab.attack_desk import (
    UNKNOWN_ISSUER,
    AttackDesk,
    NoReceipt,
    Unsendable,
    request_of,
)
from subscriber_app.lab.attacks import CONNECTION_HEADERS, Prediction, without_connection_headers
from subscriber_app.lab.forged_credentials import Signable, signature_of, token_of
from subscriber_app.receiving.verification import MAX_BODY_BYTES, IncomingRequest
from subscriber_app.shop_api.held_secrets import Trust
from subscriber_app.web.attacks import existing_receipt
from subscriber_app.web.dependencies import TheAttackDesk, TheDatabase

MAX_HEADERS = 60
MAX_HEADERS_LENGTH = 16 * 1024  # characters of all lines together
AS_TEXT, AS_HEX = "text", "hex"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}", re.ASCII)
_VALUE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_UNIX_SECONDS = re.compile(r"[0-9]{1,15}", re.ASCII)
_UNTYPEABLE = re.compile(r"[^\t\n\x20-\x7e\xa0-\U0010ffff]")  # a text field would change these

AnyRequest = Request[Any, Any, Any]
AnyResponse = Response[Any]
Headers = Sequence[tuple[str, str]]


class Unreadable(ValueError):  # noqa: N818 – the name says what happened
    """The input is not a valid request; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The input of the form. ``form``: the format of ``body``, text or hex."""

    headers: str
    body: str
    form: str

    @classmethod
    def of(cls, request: IncomingRequest) -> "Draft":
        """Return the input that yields this request."""
        lines = "\n".join(f"{name}: {value}" for name, value in request.headers)
        text = _text(request.body)
        if text is None:
            return cls(lines, request.body.hex(" "), AS_HEX)
        return cls(lines, text, AS_TEXT)

    def read(self) -> IncomingRequest:
        """Return the request. Raise ``Unreadable``."""
        return IncomingRequest(_read_headers(self.headers), _read_body(self.body, self.form))


@dataclass(frozen=True, slots=True)
class Computed:
    """Valid credentials for a draft, None if it cannot be signed, and the prediction for it."""

    signature: str | None
    token: str | None
    prediction: Prediction


@get("/receipts/{receipt_id:str}/editor", include_in_schema=False)
async def show_editor(
    database: TheDatabase, attack_desk: TheAttackDesk, receipt_id: FromPath[str]
) -> Template:
    """Show the editor with the request of a receipt."""
    receipt = await existing_receipt(database, receipt_id)
    draft = Draft.of(without_connection_headers(request_of(receipt)))
    return _show(receipt, draft, attack_desk)


@post("/receipts/{receipt_id:str}/editor", include_in_schema=False)
@once_per_form
async def edit(
    request: AnyRequest,
    database: TheDatabase,
    attack_desk: TheAttackDesk,
    receipt_id: FromPath[str],
) -> AnyResponse:
    """Compute, sign or send the request, depending on the button."""
    receipt = await existing_receipt(database, receipt_id)
    form = await request.form()
    draft = Draft(
        _field(form.get("headers")),
        _field(form.get("body")),
        AS_HEX if form.get("form") == AS_HEX else AS_TEXT,
    )
    try:
        typed = draft.read()
        if form.get("action") == "send":
            new_id = await attack_desk.send(receipt, typed)
            return Redirect(f"/attacks/{new_id}", status_code=303)
    except (Unreadable, Unsendable) as error:
        return _show(receipt, draft, attack_desk, problem=str(error))
    except NoReceipt as error:
        raise Problem(502, str(error)) from error
    if form.get("action") == "sign":
        typed = await _signed_now(attack_desk, typed)
    computed = await _compute(attack_desk, typed)
    return _show(receipt, Draft.of(typed), attack_desk, computed=computed)


def _show(
    receipt: Receipt,
    draft: Draft,
    desk: AttackDesk,
    *,
    computed: Computed | None = None,
    problem: str = "",
) -> Template:
    return Template(
        "subscriber/attacks/editor.html",
        context={
            "receipt": receipt,
            "draft": draft,
            "computed": computed,
            "problem": problem,
            "unix_now": desk.unix_now(),
        },
        status_code=422 if problem else 200,
    )


async def _compute(desk: AttackDesk, request: IncomingRequest) -> Computed:
    trust, prediction = await desk.trust(), await desk.predict(request)
    content = _signable(request, trust)
    if content is None or not trust.secrets:
        return Computed(None, None, prediction)
    newest, oldest = trust.secrets[0], trust.secrets[-1]
    return Computed(signature_of(content, newest), token_of(content, oldest), prediction)


async def _signed_now(desk: AttackDesk, request: IncomingRequest) -> IncomingRequest:
    """Return the request with the current timestamp, and validly signed if we have a secret."""
    request = _with_header(request, "webhook-timestamp", str(desk.unix_now()))
    trust = await desk.trust()
    content = _signable(request, trust)
    if content is None or not trust.secrets:
        return request
    # As in the shop: the newest secret makes the signature, the oldest the token.
    newest, oldest = trust.secrets[0], trust.secrets[-1]
    request = _with_header(request, "webhook-signature", signature_of(content, newest))
    return _with_header(request, "authorization", f"Bearer {token_of(content, oldest)}")


def _signable(request: IncomingRequest, trust: Trust) -> Signable | None:
    message_id, timestamp = request.header("webhook-id"), request.header("webhook-timestamp")
    if not message_id or not timestamp or not _UNIX_SECONDS.fullmatch(timestamp):
        return None
    issuer = trust.issuer or UNKNOWN_ISSUER
    return Signable(message_id, int(timestamp), request.body, trust.audience, issuer)


def _with_header(request: IncomingRequest, name: str, value: str) -> IncomingRequest:
    """Return the request with one header of this name, in its old position or at the end."""
    names = [other for other, _value in request.headers]
    if name not in names:
        return replace(request, headers=[*request.headers, (name, value)])
    headers = [
        (other, value if other == name else standing)
        for position, (other, standing) in enumerate(request.headers)
        if other != name or position == names.index(name)
    ]
    return replace(request, headers=headers)


def _field(value: object) -> str:
    """Return the value of a field. Browsers send line breaks as CR LF."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else ""


def _read_headers(text: str) -> Headers:
    if len(text) > MAX_HEADERS_LENGTH:
        raise Unreadable(f"The headers are longer than {MAX_HEADERS_LENGTH} characters")
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > MAX_HEADERS:
        raise Unreadable(f"There are more than {MAX_HEADERS} headers")
    return [_read_header(number, line) for number, line in enumerate(lines, start=1)]


def _read_header(number: int, line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name, value = name.strip().lower(), value.strip(" \t")
    if not colon or not _NAME.fullmatch(name):
        raise Unreadable(f"Header {number} is not written as name: value")
    if name in CONNECTION_HEADERS:
        raise Unreadable(f"Header {number}, {name}, is set by the connection: leave it out")
    if not _VALUE.fullmatch(value):
        raise Unreadable(f"Header {number}, {name}, holds a character that HTTP does not allow")
    return name, value


def _read_body(text: str, form: str) -> bytes:
    try:
        body = bytes.fromhex(text) if form == AS_HEX else text.encode("utf-8")
    except ValueError:
        raise Unreadable(
            "The body is not hex: two digits for each byte"
            if form == AS_HEX
            else "The body holds half a character"
        ) from None
    if len(body) > MAX_BODY_BYTES:
        raise Unreadable(f"The body is larger than {MAX_BODY_BYTES} bytes")
    return body


def _text(body: bytes) -> str | None:
    """Return the body as text if a text field returns it unchanged; otherwise None."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if _UNTYPEABLE.search(text) else text
