"""Finds receipts by a part of an id that a person has copied.

All searches use indexes, so their time does not grow with the number of receipts.
"""

import re

from sqlalchemy import ColumnElement
from sqlmodel import col, select, union

from subscriber_app.database.models import Receipt, end_of

# The beginning of a receipt's or a message's id, or digits alone, as in an event's id.
_ID = re.compile(r"(rcp_|msg_)?([0-9a-f]{8,32})", re.ASCII)
# The end of an id, as pages show it: ``msg_…1a2b3c4d`` or ``1a2b3c4d``.
_END = re.compile(r"(?:[!-~]{0,4}…)?([!-~]{8})", re.ASCII)


def matches_id(text: str) -> ColumnElement[bool] | None:
    """Return the search as SQL, or None if the text cannot be part of an id.

    Hyphens are ignored: an event's id is a UUID with the same digits as its message's id.
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
    # "g" sorts after all hex digits.
    return [
        (columns[kind] >= kind + found[2]) & (columns[kind] <= f"{kind}{found[2]}g")
        for kind in kinds
    ]


def _ends(text: str) -> list[ColumnElement[bool]]:
    found = _END.fullmatch(text)
    if not found:
        return []
    return [end_of(col(Receipt.id)) == found[1], end_of(col(Receipt.message_id)) == found[1]]
