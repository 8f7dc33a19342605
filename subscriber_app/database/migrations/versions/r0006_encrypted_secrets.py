"""Encrypts the secrets, which were stored as plain text. The columns keep their names."""

import sqlalchemy as sa
from alembic import context, op

revision = "r0006"
down_revision = "r0005"

KEYS = {"subscription": "endpoint_id", "former_secret": "id"}


def upgrade() -> None:
    """Encrypt each secret with the key that the application has opened the database with."""
    connection = op.get_bind()
    # Overwrite the plain text in the file instead of only leaving it behind as free space.
    connection.execute(sa.text("PRAGMA secure_delete = ON"))
    for table, key in KEYS.items():
        columns = sa.table(table, sa.column(key), sa.column("secret"))
        for id_, secret in connection.execute(sa.select(columns)).all():
            encrypted = context.config.attributes["encrypt"](secret)
            update = sa.update(columns).where(columns.c[key] == id_)
            connection.execute(update.values(secret=encrypted))
