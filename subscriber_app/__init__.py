"""The subscriber: receives webhooks, verifies and books them, and shows every step.

It shares no code on webhooks with the shop: two companies, one contract. Reading order:

1. ``vocabulary``: the words for verdicts and reasons.
2. ``checklist``, ``verification``, ``tokens``, ``events``: pure rules, no I/O.
3. ``models``, ``database``: what is stored, and how a transaction is opened.
4. ``inbox``: from a request to a receipt, a purchase and an answer, in one commit; ``purchases``:
   their state, in whatever order events come; ``tallies``: totals that nobody has to count.
5. ``explanation``, ``diagnosis``: the work behind the checks, and what a sender did wrong, from
   ``keyring``, ``rewriting``, ``json_limits`` and ``comparison``. Pure again, for a receipt's page.
6. ``faults``, ``hanging_up``: what it does wrong on purpose.
7. ``subscription``, ``shop_client``: how the secret comes here.
8. ``web``: receiver, JSON API and dashboard; ``app``: the only place where all is wired together.
"""

__version__ = "0.1.0"
