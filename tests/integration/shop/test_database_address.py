"""PostgreSQL can be configured with each common spelling of its URL."""

import subprocess
import sys

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from shop.config import Settings
from shop.database.transactions import Database
from tests.demo import ROOT, clean_environment

pytestmark = pytest.mark.postgres("a file of SQLite has no server")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg"])
async def test_every_usual_address_of_postgresql_leads_to_the_tables(
    scheme: str, shop_database_url: str
) -> None:
    url = make_url(shop_database_url).set(drivername=scheme).update_query_dict({"sslmode": "allow"})
    settings = Settings(database_url=url.render_as_string(hide_password=False))
    database = Database(settings.resolved_database_url)

    await database.create_tables()
    async with database.reading() as session:
        orders = await (await session.connection()).execute(text("SELECT count(*) FROM shop_order"))

        assert orders.scalar() == 0
    await database.close()


@pytest.mark.parametrize("module", ["shop", "shop.worker", "shop.database.migrations"])
def test_a_database_that_the_server_does_not_have_is_refused_in_one_line(
    module: str, shop_database_url: str
) -> None:
    url = make_url(shop_database_url).set(database="nowhere").render_as_string(hide_password=False)

    ended = subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=clean_environment() | {"SHOP_DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"{module}: SHOP_DATABASE_URL: the database cannot be used: ")
    assert '"nowhere" does not exist' in line
