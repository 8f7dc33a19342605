"""SQLite reads deliveries through an index in all that a worker and the pages do again and again.

An index of deliveries in some states is used only by a query that names its condition: the plans
tell whether one has lost it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from shop.database.transactions import Database
from shop.webhooks.endpoints.deletion import finish_deletions
from tests.integration.shop.browsing import Shop, new_delivery
from tests.integration.shop.conftest import Clock
from tests.integration.shop.conftest import Engine as DeliveryEngine

pytestmark = pytest.mark.sqlite("the plans of PostgreSQL look different")
# These indexes have no more entries than workers have slots.
SMALL = ("sending_deliveries", "deliveries_that_pass_breakers")


@contextmanager
def recording_plans() -> Iterator[dict[str, list[str]]]:
    """Yield the plan of each statement that reads or changes deliveries, by statement."""
    plans: dict[str, list[str]] = {}

    def explain(connection: Connection, _cursor: Any, sql: str, values: Any, *_rest: Any) -> None:
        is_read = sql.startswith(("SELECT", "WITH", "UPDATE", "DELETE"))
        if connection.dialect.name != "sqlite" or not is_read or sql in plans:
            return
        cursor = connection.connection.cursor()
        cursor.execute(
            f"EXPLAIN QUERY PLAN {sql}", values[0] if isinstance(values, list) else values
        )
        plans[sql] = [str(row[3]) for row in cursor.fetchall()]
        cursor.close()

    event.listen(Engine, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(Engine, "before_cursor_execute", explain)


def scans(plan: list[str]) -> list[str]:
    return [
        step
        for step in plan
        if step.startswith("SCAN delivery") and not step.endswith(SMALL) and "tally" not in step
    ]


async def test_a_worker_reads_no_delivery_without_an_index(
    shop: Shop, engine: DeliveryEngine, database: Database, clock: Clock
) -> None:
    await new_delivery(shop)

    with recording_plans() as plans:
        await engine.is_anything_due()
        await engine.deliver()
        await finish_deletions(database, clock=lambda: clock.now)

    assert {sql: found for sql, plan in plans.items() if (found := scans(plan))} == {}
    used = "\n".join(step for plan in plans.values() for step in plan)
    assert "pending_deliveries (endpoint_id=? AND next_attempt_at<?)" in used
    assert "sending_deliveries" in used


PAGES = (
    "/deliveries",
    "/deliveries?state=failed",
    "/deliveries?state=sending",
    "/deliveries?state=succeeded&event_type=purchase.created",
    "/deliveries?endpoint_id={endpoint_id}&state=pending",
    "/endpoints/{endpoint_id}",
    "/overview",
    "/flow",
    "/v1/clock",
    "/v1/stats",
)


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_reads_no_delivery_without_an_index(page: str, shop: Shop) -> None:
    delivery_id = await new_delivery(shop)
    endpoint_id = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["endpoint_id"]

    with recording_plans() as plans:
        answer = await shop.get(page.format(endpoint_id=endpoint_id))

    assert answer.status_code == 200, answer.text
    assert {sql: found for sql, plan in plans.items() if (found := scans(plan))} == {}


@pytest.mark.parametrize("states", ["sandbox=?", "endpoint_id=?"])
async def test_the_log_of_one_state_reads_its_newest_rows_only(states: str, shop: Shop) -> None:
    delivery_id = await new_delivery(shop)
    endpoint_id = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["endpoint_id"]
    theirs = f"&endpoint_id={endpoint_id}" if states == "endpoint_id=?" else ""

    with recording_plans() as plans:
        await shop.get(f"/deliveries?state=succeeded{theirs}")

    [plan] = [plan for sql, plan in plans.items() if "ORDER BY delivery.id DESC" in sql]
    assert any(f"({states} AND state=?)" in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan)


@pytest.mark.parametrize("theirs", ["", "&endpoint_id={endpoint_id}"])
async def test_the_log_of_what_is_being_sent_reads_nothing_else(theirs: str, shop: Shop) -> None:
    delivery_id = await new_delivery(shop)
    endpoint_id = (await shop.get(f"/v1/deliveries/{delivery_id}")).json()["endpoint_id"]

    with recording_plans() as plans:
        await shop.get(f"/deliveries?state=sending{theirs.format(endpoint_id=endpoint_id)}")

    [plan] = [plan for sql, plan in plans.items() if "ORDER BY delivery.id" in sql]
    assert any("sending_deliveries" in step for step in plan), plan
