"""Totals that cost the same however many receipts there are: counted when a row is written.

The database keeps them itself, by triggers, in the very transaction that adds or deletes a row: no
code path can forget to. The triggers stand in ``migrations``; read by ``receipts`` and ``metrics``.
Beside these names, each verdict is the name of the number of its receipts.
"""

PURCHASES, REVENUE_CENTS = "purchases", "revenue_cents"
COUNTED_CENTS = "counted_cents"  # the part of the revenue that is from since counting began
REASON = "reason:"  # then the name of the reason: receipts that were rejected for it
