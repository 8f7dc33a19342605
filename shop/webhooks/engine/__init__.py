"""The delivery engine of a worker.

One delivery passes through four files, in this order:

1. ``dispatcher``: a wake-up or the clock makes it look; it sends what it claimed.
2. ``claiming``: takes due deliveries, so that exactly one worker sends each.
3. ``http_client``: one signed request under one deadline, and what came back.
4. ``recording``: stores the attempt and decides what happens to the delivery next.
"""
