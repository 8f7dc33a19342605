"""Reads JSON bodies of the API strictly: what is not exactly as documented is refused.

The receiver does not use this: it must keep a receipt of what it refuses.
"""

import json
from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.dto import MsgspecDTO

from subscriber_app.web.errors import Problem

LARGEST_BODY = 64 * 1024
# Read a little more than is accepted: what is not even JSON is then told so, rather than too long.
LARGEST_READ = 2 * LARGEST_BODY
METHODS_WITH_BODY = {"POST", "PUT", "PATCH"}

Body = TypeVar("Body", bound=msgspec.Struct)


class StrictJson(MsgspecDTO[Body]):
    """Use as ``dto=StrictJson[Model], return_dto=None``; also documents the body in OpenAPI."""

    def decode_bytes(self, value: bytes) -> Any:
        """Decode one JSON document. Raises ``Problem`` with status 400 or 413."""
        try:
            json.loads(value, object_pairs_hook=_refuse_duplicates)
            document = msgspec.json.decode(value, type=self.model_type, strict=True)
        except RecursionError:
            raise Problem(400, "the body is nested too deeply") from None
        except ValueError as error:  # broken JSON or UTF-8, wrong types, duplicate keys
            raise Problem(400, f"the body is not as documented: {error}") from None
        if len(value) > LARGEST_BODY:
            raise Problem(413, f"the body is longer than {LARGEST_BODY} bytes")
        return document


async def insist_on_json(request: Request[Any, Any, Any]) -> None:
    """Refuse bodies of another content type (415): a cross-site form could send those."""
    if request.method not in METHODS_WITH_BODY:
        return
    # All of them: a header that is there twice would be judged by one value and used by the other.
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
