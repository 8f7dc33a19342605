"""A worker that looks only when it is woken: what a lost wake-up would cost is seen at once."""

from shop import worker
from shop.webhooks.engine import dispatcher

if __name__ == "__main__":
    dispatcher.SCHEDULER_INTERVAL_SECONDS = 3600
    worker.main()
