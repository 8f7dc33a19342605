"""The money counter on the inbox: sold in the shop, booked here, and the difference."""

from typing import Any

from hookshop.webkit.live import Region
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.receipts import read_stats
from subscriber_app.shop_api.counting import read_counted
from subscriber_app.shop_api.money import ShopTotalsPoller, compare


def money_region(database: Database, sales: ShopTotalsPoller) -> Region:
    """What the shop said last beside what is booked now."""

    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            stats = await read_stats(session)
            counted = await read_counted(session)
        latest = sales.look()
        return {
            "counted": counted,
            "comparison": compare(latest, counted),
            "shop_problem": latest.problem,
            "booked": stats,
        }

    return Region("money", "subscriber/inbox/_money.html", read)
