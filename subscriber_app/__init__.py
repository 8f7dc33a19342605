"""The subscriber receives webhooks, verifies and books them, and shows every step.

It shares no code on webhooks with the shop: two companies, one contract. Reading order:

1. ``vocabulary``, ``checklist``: the words for verdicts, reasons and steps.
2. ``receiving``: ``verification``, ``tokens`` and ``events`` are pure rules; ``decision`` gives the
   verdict; ``inbox`` stores receipt and purchase in one commit.
3. ``database``: the tables, and how a transaction is opened.
4. ``shop_api``: what it asks the shop for, and the secrets that it holds.
5. ``explaining``: why a request was accepted or rejected, and what one message went through.
6. ``faults``, ``lab``: how to be a bad receiver and a bad sender, on purpose.
7. ``web``: receiver, JSON API and dashboard. ``app``: the only place where all is wired together.
"""

__version__ = "0.1.0"
