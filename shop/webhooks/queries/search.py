"""Searches deliveries by an id, the start or end of an id, or a part of a URL.

Every search uses an index, so it takes as long with a million deliveries as with a thousand.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, CompoundSelect, false, or_, union
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from shop.database.models import Delivery, Endpoint, Message, Order, id_suffix

# Pages show the last eight digits of an id. The first eight digits are the time to about a minute.
DIGITS = 8
KINDS = ("dlv", "msg", "ord", "ep")
# ``ord_0193…``, ``ord…1a2b3c4d`` as pages show it, or only digits, such as those of an event's id.
_ID = re.compile(r"(?:(dlv|msg|ord|ep)(_|…))?([0-9a-f]*)", re.ASCII)

Ids = SelectOfScalar[str]


@dataclass(frozen=True, slots=True)
class IdPart:
    """The first or last ``digits`` of ids of these ``kinds``."""

    kinds: tuple[str, ...]
    digits: str
    may_begin: bool
    may_end: bool

    @classmethod
    def read(cls, text: str) -> "IdPart | None":
        """Return the part of an id that the text is, or None. Ignore hyphens, as in a UUID."""
        found = _ID.fullmatch(text.lower().replace("-", ""))
        if not found or not found[0]:
            return None
        kind, sign, digits = found.groups()
        if not kind and len(digits) < DIGITS:
            return None
        return cls(
            kinds=(kind,) if kind else KINDS,
            digits=digits,
            may_begin=sign != "…",
            may_end=len(digits) == DIGITS,
        )

    @property
    def is_short(self) -> bool:
        """Whether too many ids may start with these digits to look them up."""
        return len(self.digits) < DIGITS


def searchable(text: str) -> str:
    """Replace NUL, which databases refuse or take as the end of a text, by ``�``: no match."""
    return text.replace("\x00", "\ufffd")


async def matches(session: AsyncSession, text: str) -> ColumnElement[bool]:
    """Return the search as SQL, for a query that joins deliveries with messages."""
    found = []
    if part := IdPart.read(text):
        found.append(_begins(part) if part.is_short else col(Delivery.id).in_(_ids(part)))
    if endpoint_ids := await _endpoints_at(session, text):
        found.append(_goes_to(endpoint_ids))
    return or_(false(), *found)


def _begins(part: IdPart) -> ColumnElement[bool]:
    columns = {
        "dlv": col(Delivery.id),
        "msg": col(Delivery.message_id),
        "ord": col(Message.order_id),
        "ep": col(Delivery.endpoint_id),
    }
    # LIKE uses no index here. That is fast enough: either the newest deliveries match, or none.
    return or_(*(columns[kind].startswith(f"{kind}_{part.digits}") for kind in part.kinds))


def _ids(part: IdPart) -> CompoundSelect[str]:
    """Return a query for the ids of all deliveries that belong to matching ids."""
    return union(*(ids for kind in part.kinds for ids in _ids_by(kind, part)))


def _ids_by(kind: str, part: IdPart) -> Iterator[Ids]:
    ids = {
        "dlv": col(Delivery.id),
        "msg": col(Message.id),
        "ord": col(Order.id),
        "ep": col(Endpoint.id),
    }[kind]
    if part.may_begin:
        first = f"{kind}_{part.digits}"
        last = f"{first}g"  # "g" sorts after all hexadecimal digits
        yield _deliveries_of(kind, (ids >= first) & (ids <= last))
    if part.may_end:
        ends = ids.endswith(part.digits) if kind == "ep" else id_suffix(ids) == part.digits
        yield _deliveries_of(kind, ends)


def _deliveries_of(kind: str, condition: ColumnElement[bool]) -> Ids:
    deliveries = select(Delivery.id)
    if kind == "dlv":
        return deliveries.where(condition)
    if kind == "ep":
        of_endpoints = select(Endpoint.id).where(condition)
        return deliveries.where(col(Delivery.endpoint_id).in_(of_endpoints))
    messages = select(Message.id).where(condition)
    if kind == "ord":
        orders = select(Order.id).where(condition)
        messages = select(Message.id).where(col(Message.order_id).in_(orders))
    return deliveries.where(col(Delivery.message_id).in_(messages))


async def _endpoints_at(session: AsyncSession, text: str) -> list[str]:
    """Return the ids of the endpoints with this text in their URL. There are only a few."""
    query = select(Endpoint.id).where(col(Endpoint.webhook_url).contains(text, autoescape=True))
    return list(await session.exec(query))


def _goes_to(endpoint_ids: list[str]) -> ColumnElement[bool]:
    if len(endpoint_ids) == 1:
        return col(Delivery.endpoint_id) == endpoint_ids[0]
    # Appending an empty string disables the index, with which the database would fetch and sort all
    # deliveries of these endpoints. Reading from the newest one down fills a page sooner.
    return col(Delivery.endpoint_id).concat("").in_(endpoint_ids)
