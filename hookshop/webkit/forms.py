"""Reads submitted forms without trusting them.

Reading never fails, so that a page can show a wrong form again with its input: a missing field is
empty, and an uploaded file is ignored.
"""

from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict


class Form:
    """The fields of one submitted form."""

    def __init__(self, fields: FormMultiDict) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return the value of a field without the white space around it."""
        return next(iter(self.texts(name)), "")

    def line(self, name: str) -> str:
        """Return the value of a field without the spaces and tabs around it.

        Other white space stays, so that ``text_problem`` judges forms and the API alike.
        """
        return next((value.strip(" \t") for value in self._values(name)), "")

    def texts(self, name: str) -> list[str]:
        """Return all values of a field that may occur several times, such as checkboxes."""
        return [value.strip() for value in self._values(name)]

    def _values(self, name: str) -> list[str]:
        # Skip uploaded files; no form of ours has any.
        return [value for value in self._fields.getall(name, []) if isinstance(value, str)]


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Return the form in the request, possibly an empty one."""
    return Form(await request.form())
