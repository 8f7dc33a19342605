"""Indexes of deliveries in some states only: a change of the state touches fewer of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision = "r0016"
down_revision = "r0015"

REPLACED = (
    "due_deliveries",
    "deliveries_of_endpoint",
    "unfinished_deliveries",
    "deliveries_by_state",
    "deliveries_by_endpoint_and_state",
)


def upgrade() -> None:
    """Replace the indexes."""
    for name in REPLACED:
        op.drop_index(name, "delivery")
    _create("due_deliveries", ["sandbox", "next_attempt_at"], "state = 'pending'")
    _create(
        "pending_deliveries", ["endpoint_id", "next_attempt_at", "sandbox"], "state = 'pending'"
    )
    _create("sending_deliveries", ["endpoint_id", "sandbox"], "state = 'sending'")
    _create("deliveries_by_state", ["sandbox", "state", "id", "event_type"], "state != 'sending'")
    _create(
        "deliveries_by_endpoint_and_state",
        ["endpoint_id", "state", "id", "event_type", "sandbox"],
        "state != 'sending'",
    )


def _create(name: str, columns: Sequence[str], where: str) -> None:
    op.create_index(
        name, "delivery", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )
