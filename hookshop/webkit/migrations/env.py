"""Run by Alembic for each upgrade: gives it the connection of the caller's transaction."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
