"""The shop never responds with 500 or 503 to any URL, form or JSON body."""

from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from litestar import Litestar

from hookshop.webkit.encryption import Encryption
from shop.app import create_app
from shop.config import Settings
from shop.database.models import Attempt, Delivery
from shop.database.transactions import Database
from shop.ids import new_id
from shop.orders.catalog import CATALOG
from shop.orders.placing import Item, place_order, price_order
from shop.vocabulary import EventType, Trigger
from shop.webhooks.endpoints.registry import NewEndpoint, register
from shop.webhooks.rules.url_policy import UrlPolicy
from tests import postgres
from tests.applications import unstarted_shop
from tests.fuzzing import NEVER, Asked, Fuzzer, Route, Runs, as_query, csrf_of, living, routes_of

# Always the same examples, so that a failure comes from a change in the code; however slowly.
STEADY = hypothesis_settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def all_routes(*methods: str) -> list[Route]:
    return routes_of(unstarted_shop(), methods)


@pytest.fixture(scope="module")
def running(
    tmp_path_factory: pytest.TempPathFactory, shop_template: str | None
) -> Iterator[tuple[Litestar, Settings, Runs]]:
    """One shop for all of these tests, which do not depend on each other's rows."""
    copied = postgres.copy_of(shop_template) if shop_template else nullcontext(None)
    with copied as database_url:
        settings = Settings(  # type: ignore[call-arg]
            HOOKSHOP_VAR=tmp_path_factory.mktemp("shop"), database_url=database_url
        )
        app = create_app(settings)
        with living(app) as run:
            yield app, settings, run


@pytest.fixture
def fuzzer(running: tuple[Litestar, Settings, Runs]) -> Fuzzer:
    """A running shop with one of everything, created again for each test."""
    app, settings, run = running
    return Fuzzer(app, run, run(one_of_everything(settings)), run(csrf_of(app, "/")))


async def one_of_everything(settings: Settings) -> dict[str, object]:
    """Return valid values by parameter name."""
    database = Database(settings.resolved_database_url)
    encryption, now = Encryption.open(settings.secrets_key_file), datetime.now(UTC)
    url = f"http://127.0.0.1:9001/{new_id('hook', now)}"
    async with database.writing() as session:
        wanted = NewEndpoint(url, list(EventType)[:3])
        made = await register(session, wanted, policy=UrlPolicy(), encryption=encryption, now=now)
        placed = await place_order(session, price_order([Item(CATALOG[0].id, 1)], "Ada"), now=now)
        delivery_id = placed.message.delivery_ids[-1]
        delivery = await session.get_one(Delivery, delivery_id)
        delivery.attempt_count = 1
        session.add(
            Attempt(
                delivery_id=delivery_id,
                endpoint_id=delivery.endpoint_id,
                number=1,
                trigger=Trigger.AUTOMATIC,
                started_at=now,
                duration_ms=1,
                request_url=url,
                request_headers={},
                response_status=500,
                response_headers={},
                response_body=b"\xff",
                response_truncated=False,
                error=None,
                error_detail=None,
            )
        )
    await database.close()
    return {
        "endpoint_id": made.endpoint.id,
        "order_id": placed.id,
        "delivery_id": delivery_id,
        "product_id": CATALOG[0].id,
        "customer_name": "Ada",
        "webhook_url": "http://127.0.0.1:9002/hook",
        "event_types": ["purchase.created"],
        "items": [{"product_id": CATALOG[0].id, "quantity": 1}],
        "since": "2026-11-23T12:00:00Z",
        "quantity": "1",
    }


@pytest.mark.parametrize("route", all_routes("GET", "POST", "PUT", "PATCH", "DELETE"), ids=str)
def test_no_hostile_value_of_any_parameter_breaks_the_shop(route: Route, fuzzer: Fuzzer) -> None:
    learned = fuzzer.learn(route)

    broken = [asked for asked in fuzzer.one_by_one(route, learned) if fuzzer.ask(asked) in NEVER]

    assert not [str(asked) for asked in broken]


@pytest.mark.parametrize("route", all_routes("GET", "POST", "PUT", "PATCH", "DELETE"), ids=str)
def test_no_values_together_break_the_shop(route: Route, fuzzer: Fuzzer) -> None:
    learned = fuzzer.learn(route)

    @STEADY
    @given(asked=fuzzer.any_request(route, learned))
    def check(asked: Asked) -> None:
        assert fuzzer.ask(asked) not in NEVER, str(asked)

    check()


@pytest.mark.parametrize("path", ["/deliveries", "/deliveries/live", "/deliveries/retry"])
@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "moment", ["9999-12-31T23:59:59", "1969-12-31T23:59:59", "0999-01-01T00:00", "0001-01-01T00:00"]
)
def test_a_moment_out_of_range_is_a_bad_request(
    path: str, name: str, moment: str, fuzzer: Fuzzer
) -> None:
    assert fuzzer.ask(Asked("GET", path, f"{name}={moment}")) == 400


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.5Z"])
def test_a_time_out_of_range_in_utc_is_a_bad_request(since: str, fuzzer: Fuzzer) -> None:
    recover = Route("POST", "/v1/webhooks/{endpoint_id:str}/recover")

    recovered = fuzzer.ask(fuzzer.asked(recover, fuzzer.learn(recover), body={"since": since}))
    counted = fuzzer.ask(Asked("GET", "/v1/stats", as_query({"since": since})))

    assert (recovered, counted) == (400, 400)


def test_a_search_of_more_than_200_characters_is_a_bad_request(fuzzer: Fuzzer) -> None:
    assert fuzzer.ask(Asked("GET", "/v1/deliveries", f"q={'x' * 200}")) == 200
    assert fuzzer.ask(Asked("GET", "/v1/deliveries", f"q={'x' * 60_000}")) == 400
