"""HEAD wherever GET works, and static files that browsers keep, over real HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest
from litestar import Litestar

from tests.fuzzing import routes_of
from tests.programs import async_client
from tests.serving import free_port, serving
from tests.shared_apps import SharedApps

STYLE = "/static/css/base.css"


@pytest.fixture(params=["shop", "subscriber"])
def app(request: pytest.FixtureRequest, shared_apps: SharedApps) -> Litestar:
    return shared_apps.of(request.param)


@pytest.fixture
async def client(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    with free_port() as listening:
        async with (
            serving(app, listening) as url,
            async_client(url) as client,
        ):
            await client.get("/login")  # sets the CSRF cookie
            yield client


def addresses(app: Litestar) -> list[str]:
    """Return an address for each GET route."""
    paths = [route.path.replace(":str", "") for route in routes_of(app, ["GET"])]
    return [STYLE if path.startswith("/static/") else path for path in paths]


async def test_head_gets_what_get_gets_without_the_body(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    for address in addresses(app):
        async with client.stream("GET", address) as got:
            pass  # leave out the body, which never ends for a stream

        head = await client.head(address)

        assert head.status_code == got.status_code, address
        assert head.headers.get("content-type") == got.headers.get("content-type"), address
        assert ("content-length" in head.headers) == ("content-length" in got.headers), address
        assert head.content == b""


async def test_head_names_the_length_of_the_body(client: httpx.AsyncClient) -> None:
    for address in ("/healthz", STYLE, "/nowhere"):
        got, head = await client.get(address), await client.head(address)

        assert int(head.headers["content-length"]) == len(got.content) > 0, address


async def test_head_is_not_allowed_where_get_is_not(client: httpx.AsyncClient) -> None:
    answer = await client.head("/appearance")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"


async def test_a_refused_method_is_told_that_head_is_allowed_where_get_is(
    app: Litestar, client: httpx.AsyncClient
) -> None:
    for address in addresses(app):
        allowed = (await client.options(address)).headers.get("allow", "")
        refused = await client.request("TRACE", address)

        assert refused.status_code == 405, address
        assert {"GET", "HEAD"} <= set(refused.headers["allow"].split(", ")), address
        assert ("GET" in allowed) == ("HEAD" in allowed), address


async def test_a_static_file_is_sent_again_only_when_it_has_changed(
    client: httpx.AsyncClient,
) -> None:
    first = await client.get(STYLE)
    tag = first.headers["etag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await client.get(STYLE, headers={"If-None-Match": known})

        assert again.status_code == 304, known
        assert again.content == b""
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "no-cache"
        assert "content-length" not in again.headers
        assert again.headers["x-content-type-options"] == "nosniff"


async def test_another_version_of_a_static_file_is_sent(client: httpx.AsyncClient) -> None:
    answer = await client.get(STYLE, headers={"If-None-Match": '"other"'})

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    assert len(answer.content) == int(answer.headers["content-length"])


async def test_a_missing_static_file_is_never_not_modified(client: httpx.AsyncClient) -> None:
    answer = await client.get("/static/missing.css", headers={"If-None-Match": "*"})

    assert answer.status_code == 404
