"""Alembic's environment script: runs the migrations on the connection of the caller."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
