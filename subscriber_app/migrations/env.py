"""Run by Alembic for each upgrade: hands it the connection that ``upgrade`` was called with."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
