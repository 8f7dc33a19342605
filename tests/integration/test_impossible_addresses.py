"""Both applications refuse impossible URLs, over real HTTP, without errors."""

import logging
from collections.abc import AsyncIterator, Iterator
from itertools import product

import httpx
import pytest

from tests.programs import async_client
from tests.serving import free_port, serving
from tests.shared_apps import SharedApps

NO_HOSTS = [
    "a:xx",
    "a:99999999",
    "a:65536",
    "a b",
    "a/v1/",
    "a?b",
    "a#b",
    "u@a",
    "[::1",
    "a:-1",
    "",
]
HOSTS = ["127.0.0.1", "localhost:8000", "shop.example", "my_shop", "[::1]:8001", "a:65535", "a:"]
PATHS = ["/", "/nowhere", "/v1/stats", "/static/css/base.css", "/healthz"]
IMPOSSIBLE_PATHS = [
    "/static/css/base.css%00",
    "/static/%00",
    "/static/" + "x" * 5000,
    "/static/" + "x" * 256,
    "/static/" + "a/" * 2500,
    "/static/%ff",
    "/static/%ED%A0%80",
    "/static/..%2f..%2fpyproject.toml",
]


@pytest.fixture(params=["shop", "subscriber"])
async def client(
    request: pytest.FixtureRequest, shared_apps: SharedApps
) -> AsyncIterator[httpx.AsyncClient]:
    app = shared_apps.of(request.param)
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            async_client(url) as client,
        ):
            yield client


@pytest.fixture
def no_errors(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail the test if an error was logged."""
    yield
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.usefixtures("no_errors")
async def test_an_invalid_host_is_a_bad_request(client: httpx.AsyncClient) -> None:
    for host, path in product(NO_HOSTS, PATHS):
        answer = await client.get(path, headers={"Host": host})

        assert answer.status_code == 400, (host, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert "Host" in answer.json()["detail"]


async def test_any_valid_host_is_served(client: httpx.AsyncClient) -> None:
    for host in HOSTS:
        answer = await client.get("/healthz", headers={"Host": host})

        assert answer.status_code == 200, host


@pytest.mark.usefixtures("no_errors")
async def test_an_impossible_file_name_is_not_found(client: httpx.AsyncClient) -> None:
    for path in IMPOSSIBLE_PATHS:
        answer = await client.get(path)

        assert answer.status_code == 404, path
        assert answer.headers["content-type"].startswith("text/html")


async def test_an_existing_file_is_found(client: httpx.AsyncClient) -> None:
    assert (await client.get("/static/css/base.css")).status_code == 200
