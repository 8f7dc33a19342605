"""The shop: takes orders, and tells registered endpoints about them by signed webhooks.

Reading order, from the rules to the wiring:

1. ``webhooks/events``, ``signing``, ``outcomes``, ``retries``, ``breaker``, ``urls``,
   ``url_policy``: pure rules, no I/O.
2. ``models``, ``database``, ``on_postgres``: what is stored, and how a transaction
   is opened.
3. ``orders``, ``fulfilment``, ``webhooks/endpoints``, ``webhooks/outbox``: a fact and the messages
   that tell about it, one commit.
4. ``webhooks/engine``: ``dispatcher``, ``claiming``, ``http_client``, ``recording``: claim, send,
   record. ``webhooks/states``: the states of a delivery. ``redis/wake_ups`` and ``worker``: what
   sets it going; ``heartbeats``: which workers are alive.
5. ``webhooks/log``, ``webhooks/by_hand``: what was sent, and what people do about it;
   ``windows``, ``tallies``, ``webhooks/health``, ``figures``, ``metrics``: how it goes on the
   whole.
6. ``web``: JSON API and dashboard; ``app``: the only place where everything is wired together.
"""

__version__ = "0.1.0"
