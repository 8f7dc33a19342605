"""The shop takes orders and sends signed webhooks for them to registered endpoints.

Reading order, from the rules to the wiring:

1. ``webhooks/rules``: events, signing, responses, retries, circuit breaker, concurrency, URL
   policy. Pure: no database, no network, no clock of their own.
2. ``database``: the tables, and how a transaction is opened.
3. ``orders``, ``webhooks/outbox``: an order and its webhooks become one commit.
4. ``webhooks/engine``: ``dispatcher``, ``claiming``, ``http_client``, ``recording``: one delivery
   from the wake-up to the record. ``webhooks/states``: the only writer of a delivery's state.
5. ``redis``: wake-ups, changes for live pages, signs of life. ``worker``: the delivering process.
6. ``webhooks/endpoints``, ``manual_actions``, ``recovery``: what people do.
   ``webhooks/queries``: what they look at.
7. ``web``: JSON API and dashboard. ``app``: the only place where everything is wired together.
"""

__version__ = "0.1.0"
