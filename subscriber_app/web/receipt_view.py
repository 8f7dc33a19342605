"""Prepares a receipt for its page, from the stored request.

``explanation`` and ``diagnosis`` have the rules; this module makes their bytes and texts readable.
It works outside of the event loop, because a hostile request may make it slow.
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
from subscriber_app.web.labels import REASON_MEANINGS, step_label
from subscriber_app.web.wire import body_text, hex_dump, pretty_json, visible_text

MAX_SIGNED_BYTES = 4 * 1024  # of the body, which the page shows in full elsewhere
MAX_PRETTY_BYTES = 64 * 1024
MAX_CACHED_RECEIPTS = 8  # each may take some MB

Output = TypeVar("Output")


@dataclass(frozen=True, slots=True)
class StepView:
    """One check. ``evidence``: the name of the explanation to show for it, or ""."""

    name: str
    label: str
    result: str
    detail: str
    evidence: str

    @property
    def is_failure(self) -> bool:
        """Return whether the request was rejected at this step."""
        return self.result == Result.FAILED


def _one_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="receipts")


class ReceiptViews:
    """Computes and caches what pages show of requests.

    It uses one thread, so that neither the receiver nor other pages wait.
    """

    def __init__(self) -> None:
        self._thread = _one_thread()
        self._cache: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()

    async def context(
        self, receipt: Receipt, *, url: str, audience: str, keyring: Keyring, issuer: str | None
    ) -> dict[str, Any]:
        """Return the result of ``receipt_context``, cached."""

        def read() -> dict[str, Any]:
            return receipt_context(
                receipt, url=url, audience=audience, keyring=keyring, issuer=issuer
            )

        # A receipt never changes, but the known secrets and the issuer do.
        secrets = tuple((known.fingerprint, known.since, known.until) for known in keyring)
        key = (receipt.id, url, audience, issuer, secrets)
        return await self.run_in_thread(lambda: self._cached(key, read))

    async def run_in_thread(self, work: Callable[[], Output]) -> Output:
        """Run ``work`` in the thread, after the work before it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Stop the thread after the current work, and empty the cache."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._thread = _one_thread()
        self._cache.clear()

    def _cached(self, key: Hashable, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the cached result, or compute it. Called in the thread, so never twice at once."""
        if key not in self._cache:
            self._cache[key] = work()
        self._cache.move_to_end(key)
        while len(self._cache) > MAX_CACHED_RECEIPTS:
            self._cache.popitem(last=False)
        return self._cache[key]


def receipt_context(
    receipt: Receipt, *, url: str, audience: str, keyring: Keyring, issuer: str | None
) -> dict[str, Any]:
    """Return the context of ``subscriber/inbox/receipt.html``. ``url``: of our receiver."""
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
        "explanation": found,
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
    """Return the request as the receiver read it."""
    return IncomingRequest(
        [(name, value) for name, value in receipt.headers],
        receipt.body,
        is_too_large=receipt.reason == Reason.TOO_LARGE,
        is_incomplete=receipt.reason == Reason.INCOMPLETE,
    )


def _order_of(receipt: Receipt) -> str | None:
    """Return the order id of an accepted request, or None."""
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
    """Return both sides as (heading, size in bytes, [(text, differs), …])."""
    if found.sides is None:
        return []
    signed, came = found.sides
    return [
        ("Signed", _size(signed), _readable(signed)),
        ("Received", _size(came), _readable(came)),
    ]


def _size(pieces: list[Piece]) -> int:
    return sum(len(piece.content) for piece in pieces)


def _readable(pieces: list[Piece]) -> list[tuple[str, bool]]:
    # Spaces differ most often, and a single space is hard to see.
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
        name=step["name"],
        label=step_label(step["name"]),
        result=step["result"],
        detail=step["detail"],
        evidence=step["name"] if has_evidence else "",
    )


def _signed(request: IncomingRequest) -> dict[str, Any]:
    """Return the three parts of the signed content, which the page colors."""
    shown = request.body[:MAX_SIGNED_BYTES]
    return {
        "id": visible_text(cut(request.header("webhook-id") or "")),
        "timestamp": visible_text(cut(request.header("webhook-timestamp") or "")),
        "body": _text(shown),
        "is_cut": len(shown) < len(request.body),
        "size": len(signed_content(request)),
        "hex": hex_dump(signed_content(request, shown)[:MAX_SIGNED_BYTES]),
    }


def _secrets_notice(receipt: Receipt, found: Explanation, keyring: Keyring) -> str:
    signature = {step["name"]: step["result"] for step in receipt.steps}[StepName.SIGNATURE]
    if signature == Result.PASSED and not (found.signature and found.signature.is_valid):
        return (
            "The secrets have changed since then, and the old ones are no longer known. "
            "The signature cannot be recomputed here."
        )
    if any(known.since > receipt.received_at for known in keyring):
        return (
            "The secret has changed since then. This page shows the checks with the secrets "
            "that were valid when the request was received."
        )
    return ""
