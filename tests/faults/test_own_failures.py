"""The shop's own failures do not count as failures of the endpoint."""

from datetime import UTC, datetime, timedelta

from tests.faults.conftest import Report
from tests.faults.world import World
from tests.programs import client
from tests.receiver import running_receiver
from tests.waiting import wait_for

SETTINGS = {"SHOP_RETRY_SCHEDULE": "0,0.5,0.5", "SHOP_DISABLE_AFTER_FAILURES": "1"}
ORDERS = 5
OF_ENDPOINT = "FROM attempt WHERE endpoint_id = ?"
SWAP_SECRET = "UPDATE endpoint_secret SET locked_secret = ? WHERE endpoint_id = ?"


def test_a_secret_that_cannot_be_decrypted(world: World, report: Report) -> None:
    books = world.books
    with running_receiver() as receiver:
        endpoint_id = world.register(receiver.url)
        locked = books.of_shop(
            "SELECT locked_secret FROM endpoint_secret WHERE endpoint_id = ?", endpoint_id
        )[0][0]
        books.change_shop(SWAP_SECRET, "rubbish", endpoint_id)

        world.order_many(ORDERS)
        books.wait_until_delivered()
        wait_for(lambda: states_of(world, endpoint_id) == {"failed": ORDERS}, "all tries are made")

        errors = books.of_shop(f"SELECT DISTINCT error, error_detail {OF_ENDPOINT}", endpoint_id)
        assert errors == [("internal_error", "DecryptionFailed")]
        assert receiver.requests == []
        assert_is_not_blamed(world, endpoint_id)

        books.change_shop(SWAP_SECRET, locked, endpoint_id)
        send_again(world, endpoint_id)
        wait_for(lambda: states_of(world, endpoint_id) == {"succeeded": ORDERS}, "all arrives")
        report(f"{ORDERS} deliveries failed with internal_error, and went out after the repair")


def states_of(world: World, endpoint_id: str) -> dict[str, int]:
    query = "SELECT state, count(*) FROM delivery WHERE endpoint_id = ? GROUP BY state"
    return dict(world.books.of_shop(query, endpoint_id))


def assert_is_not_blamed(world: World, endpoint_id: str) -> None:
    query = "SELECT status, failed_deliveries, failed_attempts FROM endpoint WHERE id = ?"
    assert world.books.of_shop(query, endpoint_id) == [("active", 0, 0)]


def send_again(world: World, endpoint_id: str) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    with client(world.shop_url) as shop:
        answer = shop.post(
            f"/v1/webhooks/{endpoint_id}/recover", json={"since": f"{since:%Y-%m-%dT%H:%M:%SZ}"}
        )
    assert answer.is_success, answer.text
