"""The money card on the inbox: sold in the shop, booked here, and the difference."""

from typing import Any

from hookshop.webkit.live import Region
from subscriber_app.database.transactions import Database
from subscriber_app.receiving.receipts import read_stats
from subscriber_app.shop_api.counting import read_counted
from subscriber_app.shop_api.money import ShopTotalsPoller, compare


def money_region(database: Database, shop_totals: ShopTotalsPoller) -> Region:
    """Return the region with the shop's last totals and the booked money."""

    async def read() -> dict[str, Any]:
        async with database.reading() as session:
            stats = await read_stats(session)
            counted = await read_counted(session)
        shop_totals.start()
        latest = shop_totals.latest
        return {
            "counted": counted,
            "comparison": compare(latest, counted),
            "shop_problem": latest.problem,
            "booked": stats,
        }

    return Region("money", "subscriber/inbox/_money.html", read)
