"""The curl command of a receipt, run by a real shell and curl against a real server."""

import asyncio
import json
import shutil

import pytest

from subscriber_app.app import create_app
from subscriber_app.config import Settings
from subscriber_app.web.curl import as_curl
from tests.integration.subscriber.conftest import Clock, remember_subscription
from tests.integration.subscriber.requests import deliver, receipts
from tests.integration.subscriber.serving import serving
from tests.integration.subscriber.signer import Delivery, purchase

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")

HOSTILE = "it's $(id) `id` %s \\ Zoë"


@pytest.mark.parametrize(
    "body",
    [purchase(note=HOSTILE), purchase(note=HOSTILE) + b"\r\n", purchase(note="x" * 200_000)],
    ids=["text", "with a carriage return", "long"],
)
async def test_the_curl_command_sends_the_same_request_again(
    body: bytes, settings: Settings, clock: Clock
) -> None:
    async with serving(create_app(settings, now=clock)) as client:
        await remember_subscription(settings, clock())
        await deliver(client, Delivery(body=body), x_strange="caf\xe9'")
        [first] = await receipts(client)
        command = as_curl(str(client.base_url.join("/v1/new-purchase")), first["headers"], body)

        shell = await asyncio.create_subprocess_exec(
            "sh", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        answer, _errors = await shell.communicate(command.encode())

        again = (await receipts(client))[0]
    assert json.loads(answer.splitlines()[-1])["verdict"] == "duplicate"
    assert again["body"] == first["body"]
    assert kept(again["headers"]) == kept(first["headers"])


def kept(headers: list[list[str]]) -> list[list[str]]:
    """Return the headers that the command repeats, without those of the connection."""
    return sorted(pair for pair in headers if pair[0] not in {"connection", "content-length"})
