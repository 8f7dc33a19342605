"""Reads submitted forms without trusting them. Called by the handlers of the pages.

A page shows a wrong form again with what was typed, so reading never fails: what is missing is
empty, and what is not text is not there.
"""

from typing import Any

from litestar import Request
from litestar.datastructures import FormMultiDict


class Form:
    """The fields of one submitted form."""

    def __init__(self, fields: FormMultiDict) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """What was typed, without the white space around it."""
        return next(iter(self.texts(name)), "")

    def line(self, name: str) -> str:
        """A line of text for people, without the blanks around it.

        Anything else around it stays, so that ``text_problem`` sees what the API would see.
        """
        return next((value.strip(" \t") for value in self._values(name)), "")

    def texts(self, name: str) -> list[str]:
        """All values of a field that may be there several times, such as boxes to tick."""
        return [value.strip() for value in self._values(name)]

    def _values(self, name: str) -> list[str]:
        # An uploaded file is not text; a form of ours has none.
        return [value for value in self._fields.getall(name, []) if isinstance(value, str)]


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """The form that the request carries, possibly an empty one."""
    return Form(await request.form())
