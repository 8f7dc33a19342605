"""Refusals of an HTTP API and of pages."""

from typing import Any

from litestar.exceptions import HTTPException


class Problem(HTTPException):
    """A refusal with a status and one sentence for the client (RFC 9457, "Problem Details").

    ``members``: further fields of the problem document. ``way_out``: address and label of the link
    on the error's page.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        way_out: tuple[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail=detail, status_code=status, headers=headers)
        self.way_out = way_out
        self.members = members
