"""The request line has exactly the registered bytes of path and query."""

import asyncio
import base64
import json
import re
import string
import subprocess
from collections.abc import Iterator
from shutil import which
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import AsyncTestClient

from shop.web.deliveries.curl import as_curl
from shop.webhooks.engine.http_client import HttpClient, OutgoingRequest
from shop.webhooks.rules.url_policy import UrlPolicy
from tests.integration.shop.conftest import StartWorker
from tests.pages import Visitor
from tests.raw_receiver import RawReceiver, running_raw_receiver
from tests.waiting import eventually

pytestmark = pytest.mark.one_database("is about the bytes of a URL")

# All characters that may be registered: no white space, no backslash, no "#".
CHARACTERS = "".join(set(string.printable) - set(string.whitespace) - set("\\#"))
PIECES = st.sampled_from(["%7E", "%2F", "%2f", "%3A", "%zz", "/", "//", "/../", "/./", "?", "&&"])
PATHS = st.lists(st.one_of(PIECES, st.text(CHARACTERS, max_size=8)), max_size=8).map("".join)
TARGETS = [
    "/a%3Ab?sig=x%2Fy%3Az%2C%7E",
    "/b/../c",
    "/%7Euser",
    "/x?",
    "/x??",
    "/?",
    "//x//..",
    "/[a]{b}|c^`d`\"<e>'f'$(id)!*;",
    "/?a=1&&b=%20+;",
]


class Line:
    """A client and a receiver for all examples."""

    def __init__(self, runner: asyncio.Runner, client: HttpClient, raw: RawReceiver) -> None:
        self._runner, self._client, self._raw = runner, client, raw

    def send_to(self, target: str) -> str:
        """Send a request and return its request line."""
        url = f"{self._raw.url}{target}"
        response = self._runner.run(self._client.send(OutgoingRequest(url, {}, b"{}")))
        assert response.status == 200, response.error_detail
        return self._raw.request_lines()[-1]


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    async def make() -> HttpClient:
        return HttpClient(UrlPolicy(), timeout_seconds=5)

    with asyncio.Runner() as runner, running_raw_receiver() as raw:
        client = runner.run(make())
        yield Line(runner, client, raw)
        runner.run(client.close())


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_decoded_collapsed_or_dropped(target: str, line: Line) -> None:
    assert line.send_to(target) == f"POST {target} HTTP/1.1"


@given(path=PATHS, fragment=st.sampled_from(["", "#", "#part?of/the%20page"]))
@example(path="", fragment="#")
def test_every_target_arrives_as_it_was_registered(path: str, fragment: str, line: Line) -> None:
    assert line.send_to(f"/{path}{fragment}") == f"POST /{path} HTTP/1.1"


@pytest.mark.parametrize(("registered", "sent"), [("", "/"), ("?q", "/?q"), ("#top", "/")])
def test_a_url_without_a_path_is_sent_to_the_root(registered: str, sent: str, line: Line) -> None:
    assert line.send_to(registered) == f"POST {sent} HTTP/1.1"


@pytest.mark.skipif(not which("curl"), reason="there is no curl here")
@pytest.mark.parametrize("target", TARGETS)
def test_the_copied_curl_command_sends_the_same_request_line(target: str) -> None:
    with running_raw_receiver() as raw:
        command = as_curl(f"{raw.url}{target}", {"content-type": "application/json"}, b"{}")
        subprocess.run(["sh"], input=command.encode(), capture_output=True, check=True)

    assert raw.request_lines() == [f"POST {target} HTTP/1.1"]


async def test_request_token_record_and_curl_command_show_the_registered_bytes(
    shop: AsyncTestClient[Litestar], start_worker: StartWorker
) -> None:
    target = "/a%3Ab/../%7Eu?sig=x%2Fy%3Az%2C%7E&then=?"
    with running_raw_receiver() as raw:
        url = f"{raw.url}{target}"
        await shop.post("/v1/webhooks/register", json={"webhook_url": url})
        order = {"customer_name": "Ada", "items": [{"product_id": "mug", "quantity": 1}]}
        await shop.post("/v1/orders", json=order)
        start_worker()

        async def recorded() -> dict[str, Any] | None:
            [delivery] = (await shop.get("/v1/deliveries")).json()["data"]
            read = (await shop.get(f"/v1/deliveries/{delivery['id']}")).json()
            return read if read["attempts"] else None

        delivery = await eventually(recorded, "the attempt is recorded")
        page = await Visitor(shop).get(f"/deliveries/{delivery['id']}")

    assert raw.request_lines() == [f"POST {target} HTTP/1.1"]
    assert delivery["attempts"][0]["request"]["url"] == url
    assert audience(raw.requests[0][1]) == url
    assert f"--request POST '{url}'" in page.text


def audience(request: bytes) -> str:
    """Return the ``aud`` of the bearer token in a request."""
    found = re.search(rb"(?i)authorization: bearer [^.]+\.([^.]+)\.", request)
    assert found
    claims = json.loads(base64.urlsafe_b64decode(found[1] + b"=="))
    return str(claims["aud"])
