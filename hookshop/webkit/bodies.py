"""Decodes JSON bodies strictly and refuses a body that differs from the documentation.

Litestar's own decoding is too lenient for an API: it accepts ``"3"`` as a number and ``text/plain``
as JSON, and answers 500 to invalid UTF-8 or very deep nesting.
"""

import json
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.dto import MsgspecDTO

from hookshop.webkit.errors import Problem
from hookshop.webkit.validation_messages import in_json_words

MAX_BODY_BYTES = 64 * 1024
# Read more than is accepted, so that a long body with invalid JSON gets 400 instead of 413.
MAX_READ_BYTES = 2 * MAX_BODY_BYTES
METHODS_WITH_BODY = {"POST", "PUT", "PATCH"}

Body = TypeVar("Body", bound=msgspec.Struct)


class StrictJson(MsgspecDTO[Body]):
    """Use as ``dto=StrictJson[Model], return_dto=None``; also documents the body in OpenAPI."""

    def decode_bytes(self, value: bytes) -> Any:
        """Return the decoded document. Raise ``Problem`` with status 400 or 413."""
        try:
            # Numbers stay texts: msgspec reads them, and Python refuses to read very long ones.
            json.loads(
                value.decode(), object_pairs_hook=_refuse_duplicates, parse_int=str, parse_float=str
            )
            document = msgspec.json.decode(value, type=self.model_type, strict=True)
        except RecursionError:
            raise Problem(400, "the body is nested too deeply") from None
        except UnicodeDecodeError as error:
            raise Problem(400, f"the body is not UTF-8: byte {error.start} is wrong") from None
        except ValueError as error:  # broken JSON, wrong types, duplicate keys
            detail = f"the body is not as documented: {in_json_words(str(error))}"
            raise Problem(400, detail) from None
        if len(value) > MAX_BODY_BYTES:
            raise Problem(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
        return document


def has_body(request: Request[Any, Any, Any]) -> bool:
    """Return whether the request has a body that handlers may read."""
    if request.method not in METHODS_WITH_BODY:
        return False
    # The server has checked both headers: without either of them, there is no body (RFC 9112, 6.3).
    lengths = request.headers.getall("content-length", [])
    return "transfer-encoding" in request.headers or any(each.strip("0") for each in lengths)


def require_json(request: Request[Any, Any, Any]) -> None:
    """Raise ``Problem`` (415) for a body of another content type, or for a compressed one."""
    # Check all values: with a repeated header, one could be checked and another one used.
    types = request.headers.getall("content-type", [])
    if [each.partition(";")[0].strip().lower() for each in types] != ["application/json"]:
        raise Problem(415, "send the body as Content-Type: application/json")
    encodings = request.headers.getall("content-encoding", [])
    if any(each.lower() != "identity" for each in encodings):
        raise Problem(415, "send the body without Content-Encoding")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("an object has the same key twice")
    return members
