"""``python -m benchmarks.seed 1000000``: generates history in the databases of ``HOOKSHOP_VAR``."""

import argparse
import asyncio
import sys
import time
from datetime import timedelta

from sqlalchemy.exc import OperationalError

from benchmarks.seed.bulk_load import AlreadySeeded, DatabaseInUse
from benchmarks.seed.shop import seed_shop
from benchmarks.seed.subscriber import seed_subscriber
from shop.config import load_settings as shop_settings
from subscriber_app.config import load_settings as subscriber_settings


def main() -> None:
    chosen = _arguments()
    try:
        asyncio.run(_seed(chosen))
    except AlreadySeeded as error:
        sys.exit(f"Not seeded: {error}. Use FORCE=1 to add to them, or make reset to delete them.")
    except (DatabaseInUse, OperationalError) as error:
        sys.exit(f"Not seeded: the database is in use ({error}). Stop the demo first.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed", description=__doc__)
    parser.add_argument("count", type=int, help="deliveries, for about a third as many orders")
    parser.add_argument("--days", type=float, default=30, help="length of the history, default: 30")
    parser.add_argument("--subscriber", action="store_true", help="also create as many receipts")
    parser.add_argument("--force", action="store_true", help="add to existing rows")
    return parser.parse_args()


async def _seed(chosen: argparse.Namespace) -> None:
    span = timedelta(days=chosen.days)
    started = time.monotonic()
    shop, subscriber = shop_settings(), subscriber_settings()
    await seed_shop(shop, chosen.count, span=span, force=chosen.force)
    print(f"{chosen.count:,} deliveries in {shop.var}, {time.monotonic() - started:.0f} s")
    if chosen.subscriber:
        started = time.monotonic()
        await seed_subscriber(subscriber, chosen.count, span=span, force=chosen.force)
        print(f"{chosen.count:,} receipts in {subscriber.var}, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
