"""The code that the shop and the subscriber share, and the demo. It imports neither application.

``webkit`` has everything that is not about webhooks: request log, login, errors, live pages,
SQLite. Two real companies would take it from the same open-source library. ``demo`` runs both
applications, the worker and a private Redis together.
"""

__version__ = "0.1.0"
