"""A worker that never polls: without its wake-up, a delivery is not sent."""

from shop import worker
from shop.webhooks.engine import dispatcher

if __name__ == "__main__":
    dispatcher.SCHEDULER_INTERVAL_SECONDS = 3600
    worker.main()
