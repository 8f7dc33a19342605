"""Reads submitted forms without trusting them.

A page shows a wrong form again as it was typed, so reading never fails: a missing field is empty,
and an uploaded file is no field.
"""

from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict


class Form:
    """The fields of one submitted form."""

    def __init__(self, fields: FormMultiDict) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Return what was typed, without the white space around it."""
        return next(iter(self.texts(name)), "")

    def line(self, name: str) -> str:
        """Return a line of text for people, without the blanks around it.

        Other white space stays, so that ``text_problem`` sees what the API would see.
        """
        return next((value.strip(" \t") for value in self._values(name)), "")

    def texts(self, name: str) -> list[str]:
        """Return all values of a field that may occur several times, such as checkboxes."""
        return [value.strip() for value in self._values(name)]

    def _values(self, name: str) -> list[str]:
        # An uploaded file is not text; a form of ours has none.
        return [value for value in self._fields.getall(name, []) if isinstance(value, str)]


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """Return the form that the request carries, possibly an empty one."""
    return Form(await request.form())
