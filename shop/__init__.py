"""The shop: takes orders, and tells registered endpoints about them by signed webhooks.

Reading order, from the rules to the wiring:

1. ``webhooks/events``, ``webhooks/signing``, ``webhooks/retries``: pure rules, no I/O.
2. ``models``, ``database``: what is stored, and how a transaction is opened.
3. ``orders``, ``webhooks/endpoints``, ``webhooks/outbox``: an order and its messages, one commit.
4. ``queue``, ``worker``, ``webhooks/delivery``, ``webhooks/sender``: wake-up, claim, send, record.
5. ``web``: JSON API and dashboard; ``app``: the only place where everything is wired together.
"""

__version__ = "0.1.0"
