"""Reads JSON bodies of the API strictly: what is not exactly as documented is refused.

The receiver does not use this: it must keep a receipt of what it refuses.
"""

from typing import Any, TypeVar

import msgspec
from litestar import Request
from litestar.dto import MsgspecDTO

from subscriber_app.web.errors import Problem

LARGEST_BODY = 64 * 1024
METHODS_WITH_BODY = {"POST", "PUT", "PATCH"}

Body = TypeVar("Body", bound=msgspec.Struct)


class StrictJson(MsgspecDTO[Body]):
    """Use as ``dto=StrictJson[Model], return_dto=None``; also documents the body in OpenAPI."""

    def decode_bytes(self, value: bytes) -> Any:
        """Decode one JSON document. Raises ``Problem`` with status 400."""
        try:
            return msgspec.json.decode(value, type=self.model_type, strict=True)
        except (ValueError, RecursionError) as error:  # broken JSON or UTF-8, wrong types
            raise Problem(400, f"the body is not as documented: {error}") from None


async def insist_on_json(request: Request[Any, Any, Any]) -> None:
    """Refuse bodies of another content type (415): a cross-site form could send those."""
    if request.method not in METHODS_WITH_BODY:
        return
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise Problem(415, "send the body as Content-Type: application/json")
