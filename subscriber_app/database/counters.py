"""The names of the counters in the database.

Triggers maintain the counters in the transaction that adds or deletes a row, so a total costs the
same for any number of receipts, and no code path can miss an update. The triggers are in
``migrations``. The number of receipts with a verdict has the verdict as its name.
"""

PURCHASES, REVENUE_CENTS = "purchases", "revenue_cents"
COUNTED_CENTS = "counted_cents"  # the part of the revenue that is counted, see ``counting``
REASON = "reason:"  # prefix of the number of receipts rejected for this reason
