"""Both applications refuse what a page of another site makes a browser do."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from litestar import Litestar

from tests.integration.subscriber.conftest import running
from tests.pages import read_page
from tests.shared_apps import SharedApps

RECEIVER = "/v1/new-purchase"
PUBLIC_URL = "https://app.example"
KNOWN = [
    "127.0.0.1:8000",
    "[::1]:8000",
    "192.168.1.5",
    "localhost",
    "localhost.:8000",
    "LOCALHOST",
    "shop.localhost:8000",
    "app.example",
    "App.Example:9999",
    "app.internal:8000",
    "xn--bcher-kva.example",
]
UNKNOWN = [
    "evil.example",
    "evil.example:8000",
    "app.example.evil.example",
    "127.0.0.1.evil.example",
]
PATHS = ["/", "/login", "/v1/stats", "/metrics", "/static/css/base.css", "/nowhere"]
# Headers of a request from another site, and of one from a page of our own.
FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:8000"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "null"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://127.0.0.1:8000"},
    {"Origin": PUBLIC_URL},
]
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CALLS = [
    ("GET", "/v1/stats"),
    ("GET", "/v1/stats/"),
    ("GET", "//v1/stats"),
    ("POST", "/v1/orders"),
    ("PUT", "/v1/faults"),
    ("DELETE", "/v1/receipts"),
    ("POST", "/login"),
    ("POST", "/appearance"),
    ("POST", "/nowhere"),
]


@dataclass(frozen=True, slots=True)
class Application:
    app: Litestar
    variable: str


@pytest.fixture(params=["shop", "subscriber"])
def application(request: pytest.FixtureRequest, shared_apps: SharedApps) -> Application:
    hosts = ("app.internal", "bücher.example")
    app = shared_apps.of(request.param, public_url=PUBLIC_URL, allowed_hosts=hosts)
    return Application(app, f"{request.param.upper()}_ALLOWED_HOSTS")


@pytest.fixture
async def client(application: Application) -> AsyncIterator[httpx.AsyncClient]:
    async with running(application.app) as client:
        client.headers["Host"] = "127.0.0.1:8000"
        yield client


async def test_a_name_that_is_not_listed_is_refused_and_the_setting_is_named(
    application: Application, client: httpx.AsyncClient
) -> None:
    for path in PATHS:
        for host in UNKNOWN:
            answer = await client.get(path, headers={"Host": host})

            assert answer.status_code == 400, (host, path)
            assert host.partition(":")[0] in answer.json()["detail"]
            assert application.variable in answer.json()["detail"]
            assert answer.headers["content-type"] == "application/problem+json"
            assert "default-src 'self'" in answer.headers["content-security-policy"]


async def test_a_person_sees_a_page_that_names_the_setting_and_nothing_else(
    application: Application, client: httpx.AsyncClient
) -> None:
    for path in ("/", "/login", "/nowhere", "/static/css/base.css"):
        page = read_page(await client.get(path, headers={"Host": "evil.example", **BROWSER}))

        assert page.status == 400
        assert page.answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'self'" in page.answer.headers["content-security-policy"]
        assert "host name evil.example is not known" in page.text
        assert application.variable in page.text
        assert not page.links
        assert not page.values
        assert page.forms + page.scripts == []


@pytest.mark.parametrize("path", ["/v1/stats", "/v1", "//v1/stats", "/metrics"])
async def test_what_programs_call_is_refused_with_a_problem_document(
    path: str, client: httpx.AsyncClient
) -> None:
    url = f"http://127.0.0.1:8000{path}"
    unknown = await client.get(url, headers={"Host": "evil.example", **BROWSER})

    assert unknown.headers["content-type"] == "application/problem+json"


async def test_a_person_whose_form_is_refused_sees_a_page(client: httpx.AsyncClient) -> None:
    foreign = {"Sec-Fetch-Site": "cross-site", **BROWSER}

    page = read_page(await client.post("/appearance", headers=foreign))
    document = await client.post("/v1/orders", headers=foreign)

    assert page.status == document.status_code == 403
    assert "This request comes from a page of another site" in page.text
    assert page.links
    assert document.headers["content-type"] == "application/problem+json"


async def test_addresses_and_known_names_are_served(client: httpx.AsyncClient) -> None:
    for host in KNOWN:
        answer = await client.get("/login", headers={"Host": host})

        assert answer.status_code in {200, 303}, host


async def test_the_health_check_may_have_any_name(client: httpx.AsyncClient) -> None:
    answer = await client.get("/healthz", headers={"Host": "pod-7.cluster.internal"})

    assert answer.status_code == 200


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_a_page_of_another_site_cannot_call(
    method: str, path: str, client: httpx.AsyncClient
) -> None:
    url = f"http://127.0.0.1:8000{path}"
    for headers in FOREIGN:
        refused = await client.request(method, url, headers=headers)

        assert refused.status_code == 403, headers
        assert "another site" in refused.json()["detail"]

    for headers in OWN:
        answer = await client.request(method, url, headers=headers)

        assert "another site" not in answer.text, headers


@pytest.mark.parametrize("headers", FOREIGN)
async def test_a_link_from_another_site_opens_a_page(
    headers: dict[str, str], client: httpx.AsyncClient
) -> None:
    answer = await client.get("/", headers=headers)

    assert answer.status_code == 200


async def test_the_receiver_judges_what_comes_by_its_credentials_alone(
    shared_apps: SharedApps,
) -> None:
    headers = {"Host": "tunnel.example", "Origin": "null", "Sec-Fetch-Site": "cross-site"}
    async with running(shared_apps.subscriber()) as client:
        answer = await client.post(RECEIVER, json={}, headers=headers)

    assert answer.json()["reason"] == "missing_header"
