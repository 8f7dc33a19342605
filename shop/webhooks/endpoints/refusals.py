"""The newest registrations that were refused: for operators, and for people who try the policy out.

Each sandbox keeps a hundred of them, so that nobody can fill the database with them.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from hookshop.webkit.plain_text import escape_unprintable
from shop.database.models import RefusedRegistration
from shop.ids import new_id
from shop.webhooks.rules.urls import MAX_URL_LENGTH, UrlRefused

MAX_KEPT = 100

_USER_INFORMATION = re.compile(r"//[^/?#]*@")


async def record_refusal(
    session: AsyncSession, url: str, refusal: UrlRefused, *, now: datetime
) -> None:
    """Store a refused URL, and delete the oldest ones beyond ``MAX_KEPT``."""
    session.add(
        RefusedRegistration(
            id=new_id("rfr", now),
            refused_at=now,
            url=_storable(url),
            reason=refusal.reason,
            detail=_storable(str(refusal)),
        )
    )
    await session.flush()
    ids = select(RefusedRegistration.id).order_by(col(RefusedRegistration.id).desc())
    newest = (await session.exec(ids.limit(MAX_KEPT))).all()
    if len(newest) == MAX_KEPT:
        too_old = col(RefusedRegistration.id) < newest[-1]
        await session.exec(delete(RefusedRegistration).where(too_old))


async def list_refusals(
    session: AsyncSession, *, limit: int = MAX_KEPT
) -> Sequence[RefusedRegistration]:
    """Return the newest refused registrations, newest first."""
    query = select(RefusedRegistration).order_by(col(RefusedRegistration.id).desc())
    return (await session.exec(query.limit(limit))).all()


def _storable(text: str) -> str:
    """Return untrusted text without passwords, and without characters that PostgreSQL refuses."""
    return escape_unprintable(_USER_INFORMATION.sub("//…@", text[:MAX_URL_LENGTH]))
