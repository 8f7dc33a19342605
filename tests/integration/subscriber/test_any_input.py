"""The subscriber never responds with 500 or 503 to any URL, form or JSON body."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from litestar import Litestar

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.receiving.defences import Defence
from tests.applications import unstarted_subscriber
from tests.fuzzing import NEVER, Asked, Fuzzer, Route, Runs, csrf_of, living, routes_of
from tests.integration.subscriber.conftest import Clock, remember_subscription, settings_below
from tests.integration.subscriber.requests import deliver
from tests.integration.subscriber.signer import NOW, OTHER_SECRET, Delivery, purchase

# Always the same examples, so that a failure comes from a change in the code; however slowly.
STEADY = hypothesis_settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def all_routes() -> list[Route]:
    return routes_of(unstarted_subscriber(), METHODS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Litestar, Settings, Runs]]:
    """One subscriber for all of these tests, which do not depend on each other's rows."""
    settings = settings_below(tmp_path_factory.mktemp("subscriber"))
    app = create_app(settings, now=Clock(datetime.fromtimestamp(NOW, UTC)))
    with living(app) as run:
        yield app, settings, run


@pytest.fixture
def fuzzer(running: tuple[Litestar, Settings, Runs]) -> Fuzzer:
    """A running subscriber with one of everything, created again for each test."""
    app, _settings, run = running
    return Fuzzer(app, run, run(one_of_everything(app)), run(csrf_of(app, "/")))


@pytest.fixture(scope="module", autouse=True)
def _subscribed(running: tuple[Litestar, Settings, Runs]) -> None:
    _app, settings, run = running
    run(remember_subscription(settings, datetime.fromtimestamp(NOW, UTC)))


async def one_of_everything(app: Litestar) -> dict[str, Any]:
    """Return valid values by parameter name."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        # A fault from another test would look like a failure.
        await client.put("/v1/faults", json={"mode": "none"})
        await client.put("/v1/defences", json=dict.fromkeys(map(str, Defence), True))
        # The earliest and the latest date of an event.
        for day, order in (("0001-01-01T00:00:00Z", "ord_1"), ("9999-12-31T23:59:59Z", "ord_2")):
            body = purchase(order_id=order).replace(b"2024-06-30T12:34:56Z", day.encode())
            await deliver(client, Delivery(message_id=f"msg_{order}", body=body))
        answer = await deliver(client, Delivery(secret=OTHER_SECRET))
    return {
        "receipt_id": answer.json()["receipt_id"],
        "attack": "replay",
        "message_id": "msg_1",
        "mode": "status",
        "status": "500",
        "defence": "timestamp",
        "position": "on",
        "event_types": ["purchase.created"],
        "headers": "webhook-id: msg_1",
        "body": "{}",
        "timestamp": True,
        "signature": True,
        "token": True,
        "raw_body": True,
        "deduplication": True,
    }


@pytest.mark.parametrize("route", all_routes(), ids=str)
def test_no_hostile_value_of_any_parameter_breaks_the_subscriber(
    route: Route, fuzzer: Fuzzer
) -> None:
    learned = fuzzer.learn(route)

    broken = [asked for asked in fuzzer.one_by_one(route, learned) if fuzzer.ask(asked) in NEVER]

    assert not [str(asked) for asked in broken]


@pytest.mark.parametrize("route", all_routes(), ids=str)
def test_no_values_together_break_the_subscriber(route: Route, fuzzer: Fuzzer) -> None:
    learned = fuzzer.learn(route)

    @STEADY
    @given(asked=fuzzer.any_request(route, learned))
    def check(asked: Asked) -> None:
        assert fuzzer.ask(asked) not in NEVER, str(asked)

    check()


@pytest.mark.parametrize("path", ["/", "/receipts/live"])
@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59", "1969-12-31T23:59:59", "0999-01-01T00:00", "0001-01-01T00:00"]
)
def test_a_moment_out_of_range_is_a_bad_request(
    path: str, name: str, moment: str, fuzzer: Fuzzer
) -> None:
    assert fuzzer.ask(Asked("GET", path, f"{name}={moment}")) == 400
