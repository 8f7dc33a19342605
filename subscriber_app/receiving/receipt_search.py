"""Finds receipts by what a person has copied of an id. Called by ``receipts``.

By indexes, so that it takes as long with a million receipts as with a thousand.
"""

import re

from sqlalchemy import ColumnElement
from sqlmodel import col, select, union

from subscriber_app.database.models import Receipt, end_of

# Of a receipt or a message, from its beginning; or bare digits, such as those of an event's id.
_ID = re.compile(r"(rcp_|msg_)?([0-9a-f]{8,32})", re.ASCII)
# The end of an id, as pages show it: ``msg_…1a2b3c4d``, or that alone.
_END = re.compile(r"(?:[!-~]{0,4}…)?([!-~]{8})", re.ASCII)


def matches_id(text: str) -> ColumnElement[bool] | None:
    """The search as SQL; None when the text looks like no part of an id.

    The hyphens of a UUID do not matter: the digits of an event's id are those of its message's.
    """
    searches = [*_beginnings(text), *_ends(text)]
    if not searches:
        return None
    found = [select(Receipt.id).where(search) for search in searches]
    return col(Receipt.id).in_(union(*found) if len(found) > 1 else found[0])


def _beginnings(text: str) -> list[ColumnElement[bool]]:
    found = _ID.fullmatch(text.lower().replace("-", ""))
    if not found:
        return []
    kinds = [found[1]] if found[1] else ["rcp_", "msg_"]
    columns = {"rcp_": col(Receipt.id), "msg_": col(Receipt.message_id)}
    # "g" comes after all digits.
    return [
        (columns[kind] >= kind + found[2]) & (columns[kind] <= f"{kind}{found[2]}g")
        for kind in kinds
    ]


def _ends(text: str) -> list[ColumnElement[bool]]:
    found = _END.fullmatch(text)
    if not found:
        return []
    return [end_of(col(Receipt.id)) == found[1], end_of(col(Receipt.message_id)) == found[1]]
