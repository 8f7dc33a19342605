"""What the shop and the subscriber both stand on, and what people start; imports neither of them.

``webkit`` holds what has nothing to do with webhooks: request log, login, errors, live pages,
SQLite. Two real companies would take it from the same open-source library. ``demo`` runs everything
side by side.
"""
