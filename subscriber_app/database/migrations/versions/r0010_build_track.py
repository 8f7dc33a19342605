"""The track and the check of each mission's progress, and the receiver that the learner writes."""

import sqlalchemy as sa
from alembic import op

revision = "r0010"
down_revision = "r0009"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Copy the progress to a table whose key has the track: SQLite cannot change a key."""
    op.rename_table("mission", "former_mission")
    op.create_table(
        "mission",
        sa.Column("track", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.Column("hints_shown", sa.Integer(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("is_put_away", sa.Boolean(), nullable=False),
        sa.Column("check", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("track", "number"),
    )
    op.execute(
        "INSERT INTO mission (track, number, state, started_at, done_at, hints_shown, answers, "
        "seen, is_put_away) SELECT 'watch', number, state, started_at, done_at, hints_shown, "
        "answers, seen, is_put_away FROM former_mission"
    )
    op.drop_table("former_mission")
    op.create_table(
        "own_receiver",
        sa.Column("endpoint_id", sa.String(), nullable=False),
        sa.Column("webhook_url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("probe_url", sa.String(), nullable=False),
        sa.Column("probe_token", sa.String(), nullable=True),
        sa.Column("is_registered_here", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("endpoint_id"),
    )
