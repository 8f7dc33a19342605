"""What the page of a receipt shows, made from the stored request when the page is opened.

The rules are in ``explanation`` and ``diagnosis``; here their bytes and texts are made readable.
``ReceiptViews`` does it apart from the event loop, since the bytes are a stranger's.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from subscriber_app.checklist import VerificationError
from subscriber_app.database.models import Receipt
from subscriber_app.explaining.comparison import Piece
from subscriber_app.explaining.diagnosis import Diagnosis, diagnose
from subscriber_app.explaining.explanation import Explanation, cut, explain, signed_content
from subscriber_app.receiving.events import parse_event
from subscriber_app.receiving.keyring import Keyring
from subscriber_app.receiving.verification import IncomingRequest
from subscriber_app.vocabulary import Reason, Result, StepName, Verdict
from subscriber_app.web.curl import as_curl
from subscriber_app.web.wire import body_text, hex_dump, pretty_json, visible_text
from subscriber_app.web.words import REASON_MEANINGS, step_label

MAX_SIGNED_SHOWN = 4 * 1024  # bytes of the body; the whole body is further down the page
MAX_PRETTY_BYTES = 64 * 1024
MAX_KEPT = 8  # receipts; what is shown of one may take some MB

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class StepView:
    """One check. ``evidence``: which work to show for it, or ""."""

    label: str
    result: str
    detail: str
    evidence: str

    @property
    def is_failure(self) -> bool:
        """Whether the request ended here."""
        return self.result == Result.FAILED


class ReceiptViews:
    """Works out what pages compute from a stranger's bytes, and keeps what was last asked for.

    In a thread of its own, one receipt after the other: neither the receiver nor other pages wait.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="receipts")
        self._kept: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()

    async def context(
        self, receipt: Receipt, *, url: str, audience: str, keyring: Keyring, issuer: str | None
    ) -> dict[str, Any]:
        """Return what ``receipt_context`` returns."""

        def read() -> dict[str, Any]:
            return receipt_context(
                receipt, url=url, audience=audience, keyring=keyring, issuer=issuer
            )

        # A receipt never changes; what is known of the secrets and the issuer does.
        secrets = tuple((known.fingerprint, known.since, known.until) for known in keyring)
        key = (receipt.id, url, audience, issuer, secrets)
        return await self.apart(lambda: self._once(key, read))

    async def apart(self, work: Callable[[], Made]) -> Made:
        """Do this in the thread, after what it was given before."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Begin nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _once(self, key: Hashable, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """In the thread, so of two who ask for the same receipt the second finds it done."""
        if key not in self._kept:
            self._kept[key] = work()
        self._kept.move_to_end(key)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return self._kept[key]


def receipt_context(
    receipt: Receipt, *, url: str, audience: str, keyring: Keyring, issuer: str | None
) -> dict[str, Any]:
    """For ``subscriber/inbox/receipt.html``. ``url``: where requests come in."""
    request = stored_request(receipt)
    found = explain(
        request,
        received_at=receipt.received_at,
        audience=audience,
        keyring=keyring,
        issuer=issuer,
    )
    return {
        "receipt": receipt,
        "order_id": _order_of(receipt),
        "meaning": REASON_MEANINGS[Reason(receipt.reason)] if receipt.reason else "",
        "diagnosis": _diagnosis(receipt, request, audience, keyring),
        "steps": [_step(step, found) for step in receipt.steps],
        "work": found,
        "audience": audience,
        "signed": _signed(request),
        "secrets_notice": _secrets_notice(receipt, found, keyring),
        "headers": [(name, visible_text(value)) for name, value in receipt.headers],
        "body": body_text(receipt.body),
        "pretty": pretty_json(receipt.body) if len(receipt.body) <= MAX_PRETTY_BYTES else None,
        "hex": hex_dump(receipt.body),
        "curl": as_curl(url, receipt.headers, receipt.body),
        "visible": visible_text,
    }


def stored_request(receipt: Receipt) -> IncomingRequest:
    """The request as the receiver saw it."""
    return IncomingRequest(
        [(name, value) for name, value in receipt.headers],
        receipt.body,
        is_too_large=receipt.reason == Reason.TOO_LARGE,
        is_incomplete=receipt.reason == Reason.INCOMPLETE,
    )


def _order_of(receipt: Receipt) -> str | None:
    """The order that a believed request tells of."""
    if receipt.verdict not in (Verdict.ACCEPTED, Verdict.DUPLICATE):
        return None
    try:
        return parse_event(receipt.body).order_id
    except VerificationError:  # accepted by an earlier version with other rules
        return None


def _diagnosis(
    receipt: Receipt, request: IncomingRequest, audience: str, keyring: Keyring
) -> dict[str, Any] | None:
    if receipt.reason is None:
        return None
    found = diagnose(
        request,
        Reason(receipt.reason),
        received_at=receipt.received_at,
        audience=audience,
        keyring=keyring,
    )
    if found is None:
        return None
    return {
        "finding": found.finding,
        "advice": found.advice,
        "sides": _sides(found),
        "untried": found.untried,
    }


def _sides(found: Diagnosis) -> list[tuple[str, int, list[tuple[str, bool]]]]:
    """Both sides, as (heading, bytes, pieces of text with whether each differs)."""
    if found.sides is None:
        return []
    signed, came = found.sides
    return [("Signed", _size(signed), _readable(signed)), ("Came", _size(came), _readable(came))]


def _size(pieces: list[Piece]) -> int:
    return sum(len(piece.content) for piece in pieces)


def _readable(pieces: list[Piece]) -> list[tuple[str, bool]]:
    # Blanks are what differs most often, and a blank on its own is hard to see.
    return [
        (
            _text(piece.content).replace(" ", "·") if piece.differs else _text(piece.content),
            piece.differs,
        )
        for piece in pieces
    ]


def _text(raw: bytes) -> str:
    return visible_text(raw.decode("utf-8", errors="backslashreplace"))


def _step(step: dict[str, Any], found: Explanation) -> StepView:
    is_reached = step["result"] in (Result.PASSED, Result.FAILED)
    evidence = {
        StepName.TIMESTAMP: bool(found.timestamp),
        StepName.SIGNATURE: found.signature is not None,
        StepName.TOKEN: found.token is not None,
    }
    has_evidence = is_reached and evidence.get(step["name"], False)
    return StepView(
        label=step_label(step["name"]),
        result=step["result"],
        detail=step["detail"],
        evidence=step["name"] if has_evidence else "",
    )


def _signed(request: IncomingRequest) -> dict[str, Any]:
    """The signed content, its three parts apart so that the page can colour them."""
    shown = request.body[:MAX_SIGNED_SHOWN]
    return {
        "id": visible_text(cut(request.header("webhook-id") or "")),
        "timestamp": visible_text(cut(request.header("webhook-timestamp") or "")),
        "body": _text(shown),
        "is_cut": len(shown) < len(request.body),
        "size": len(signed_content(request)),
        "hex": hex_dump(signed_content(request, shown)[:MAX_SIGNED_SHOWN]),
    }


def _secrets_notice(receipt: Receipt, found: Explanation, keyring: Keyring) -> str:
    signature = {step["name"]: step["result"] for step in receipt.steps}[StepName.SIGNATURE]
    if signature == Result.PASSED and not (found.signature and found.signature.fits):
        return (
            "The secrets have changed since, and those that counted then are no longer known: "
            "what passed then cannot be worked out again here."
        )
    if any(known.since > receipt.received_at for known in keyring):
        return (
            "The secret has changed since. Shown here is what held when the request came: "
            "see which secret was good then."
        )
    return ""
