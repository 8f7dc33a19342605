"""The delivery engine of a worker.

A delivery goes through four modules in this order:

1. ``dispatcher``: looks for due deliveries after a wake-up or on a timer, and sends those claimed.
2. ``claiming``: claims due deliveries, so that exactly one worker sends each (see ``due``).
3. ``http_client``: sends one signed request under one deadline, and returns the response.
4. ``recording``: stores the attempt and the delivery's next state (see ``after_attempt``).

Beside them: ``connections`` and ``stopwatch`` belong to ``http_client``, ``clock_steps`` skips time
in a sandbox, ``settings`` has what a sandbox may set, and ``retention`` prunes old deliveries.
"""
