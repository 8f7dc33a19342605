"""What the shop and the subscriber stand on, and what people start. It imports neither.

``webkit`` has everything that is not about webhooks: request log, login, errors, live pages,
SQLite. Two real companies would take it from the same open-source library. ``demo`` runs both
applications, the worker and a private Redis together. ``cli`` is the command ``hookshop``.
``testing`` has the tools for tests, which need only the standard library and pytest.
"""

__version__ = "0.1.0"
