"""The subscriber receives webhooks, verifies and books them, and shows every step.

It shares no webhook code with the shop: they are two companies with one contract. Reading order:

1. ``vocabulary``, ``checklist``: the names of verdicts, reasons and steps.
2. ``receiving``: ``verification``, ``tokens`` and ``events`` are pure rules; ``decision`` gives the
   verdict; ``inbox`` stores receipt and purchase in one transaction, with the rows of ``books``.
3. ``database``: the tables, and how a transaction is opened.
4. ``shop_api``: the client of the shop's API, the subscription and its secrets.
5. ``explaining``: why a request was accepted or rejected, and the trace of a message.
6. ``faults``, ``lab``: misbehaving on purpose, as a receiver and as a sender.
7. ``missions``: what a learner does, and how the facts prove it.
8. ``web``: receiver, JSON API and dashboard.
9. ``parts``: the parts of one subscriber. ``sandboxes``: all subscribers. ``app``: the application.
"""

__version__ = "0.1.0"
