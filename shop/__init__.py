"""The shop takes orders and sends signed webhooks for them to registered endpoints.

Reading order, from the rules to the wiring:

1. ``webhooks/rules``: events, signing, responses, retries, circuit breaker, concurrency, URL
   policy. Pure functions: they use no database, network or clock.
2. ``database``: tables and transactions.
3. ``orders``, ``webhooks/outbox``: store an order and its webhooks in one transaction.
4. ``webhooks/engine``: ``dispatcher``, ``claiming``, ``http_client``, ``recording``: claim and send
   a delivery, record the attempt. ``webhooks/states``: the only writer of a delivery's state.
5. ``redis``: wake-ups, changes for live pages, heartbeats. ``worker``: the process that delivers.
6. ``webhooks/endpoints``, ``manual_actions``, ``recovery``: actions of people and API clients.
   ``webhooks/queries``: the data that they see.
7. ``web``: storefront, dashboard and JSON API. ``app``: puts all parts together.
8. ``sandboxes``: shops of one's own in the same database. ``exam``: tests any receiver.
"""

__version__ = "0.1.0"
