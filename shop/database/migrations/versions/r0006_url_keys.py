"""One key for all spellings of a webhook URL, so that a receiver can be registered only once."""

import re
from ipaddress import IPv6Address

import sqlalchemy as sa
from alembic import op

revision = "r0006"
down_revision = "r0005"

# As ``shop.webhooks.rules.urls`` split URLs at this step.
DEFAULT_PORTS = {"http": 80, "https": 443}
URL = re.compile(
    r"(https?)://(?:\[([^\[\]/?#]*)\]|([^:\[\]/?#@]+))(?::([0-9]+))?([^#]*)(?:#.*)?",
    re.ASCII | re.IGNORECASE,
)
ADDRESS_WITH_DOT = re.compile(r"[0-9.]*\.", re.ASCII)


def upgrade() -> None:
    """Add the column. Of endpoints with the same key, only the first one gets it."""
    op.add_column("endpoint", sa.Column("url_key", sa.String(), nullable=True))
    op.drop_index("one_live_endpoint_per_url", "endpoint")
    connection = op.get_bind()
    standing = connection.execute(
        sa.text(
            "SELECT id, webhook_url FROM endpoint WHERE deleted_at IS NULL ORDER BY created_at, id"
        )
    )
    keys: dict[str, str] = {}
    for endpoint_id, webhook_url in standing.all():
        key = url_key(webhook_url)
        if key is not None:
            keys.setdefault(key, endpoint_id)
    for key, endpoint_id in keys.items():
        connection.execute(
            sa.text("UPDATE endpoint SET url_key = :key WHERE id = :id"),
            {"key": key, "id": endpoint_id},
        )
    op.create_index(
        "one_live_endpoint_per_url",
        "endpoint",
        ["url_key"],
        unique=True,
        sqlite_where=sa.text("deleted_at IS NULL"),
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def url_key(webhook_url: str) -> str | None:
    """Return the key, or None for a URL to which this version can no longer send."""
    parts = URL.fullmatch(webhook_url)
    if parts is None:
        return None
    scheme, bracketed, name, digits, target = parts.groups()
    if name and ADDRESS_WITH_DOT.fullmatch(name):
        return None
    scheme = scheme.lower()
    port = int(digits) if digits else DEFAULT_PORTS[scheme]
    try:
        host = f"[{IPv6Address(bracketed)}]" if name is None else name.lower().removesuffix(".")
    except ValueError:
        return None
    authority = host if port == DEFAULT_PORTS[scheme] else f"{host}:{port}"
    return f"{scheme}://{authority}{target if target.startswith('/') else f'/{target}'}"
