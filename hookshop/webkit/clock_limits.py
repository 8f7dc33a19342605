"""How much time a sandbox can skip. Apart from ``clock_api``, for programs without a web server."""

from datetime import timedelta

MAX_DISTANCE = timedelta(days=30)  # in one advance
