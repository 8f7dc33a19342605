"""The money counter on the inbox: sold in the shop, booked here, and the difference."""

from typing import Any

from subscriber_app.database import Database
from subscriber_app.money import SalesWatch
from subscriber_app.receipts import read_stats
from subscriber_app.web.live import Region


def money_region(database: Database, sales: SalesWatch) -> Region:
    """What the shop said last beside what is booked now."""

    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            stats = await read_stats(session)
        return {
            "sales": sales.look(),
            "booked_cents": stats.revenue_cents,
            "purchases": stats.purchases,
        }

    return Region("money", "subscriber/inbox/_money.html", read)
